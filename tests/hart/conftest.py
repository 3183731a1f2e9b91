"""A rig on each engine."""

from __future__ import annotations

import pytest

from emulator.engine import ENGINES
from tests.helpers.rig import Rig


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each engine."""
    return str(request.param)


@pytest.fixture
def rig(engine: str) -> Rig:
    """A hart with RAM, in M-mode, on each engine."""
    return Rig(engine)
