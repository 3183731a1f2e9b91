"""The engines, by name."""

from __future__ import annotations

import pytest

from emulator.engine import ENGINES


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each engine."""
    return str(request.param)
