"""Errors a user of the command line can cause; each text is one sentence that names the thing and what to do."""

from __future__ import annotations


class RvgdbError(Exception):
    """Root of the errors that `rvgdb` prints as one line and ends with."""


class OptionError(RvgdbError):
    """Raised when the command line asks for something that does not exist or cannot be combined."""


class ListenError(RvgdbError):
    """Raised when an address cannot be listened on or connected to; the text names the address and the reason."""


class ConsoleError(RvgdbError):
    """Raised when a character device (a file, a socket, the terminal) cannot be opened."""
