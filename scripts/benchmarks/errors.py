"""What can go wrong in a measurement."""

from __future__ import annotations


class BenchError(Exception):
    """Raised when a measurement cannot be made or its guest went wrong; the text says which and why."""
