"""Options of the test run."""

from __future__ import annotations

import pytest

from emulator.engine.compiled import mapped_code


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the debug sessions run against QEMU, to see that they ask for nothing that is not so; and set the effort."""
    parser.addoption(
        "--emulator", choices=("rvgdb", "qemu"), default="rvgdb", help="what the sessions of tests/gdb are run against"
    )
    parser.addoption(
        "--differential",
        type=int,
        default=10_000,
        metavar="COUNT",
        help="how many instructions of every row both engines are compared on",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of the tests that ask for more than QEMU does."""
    config.addinivalue_line("markers", "unlike_qemu(reason): left out with --emulator qemu, which does otherwise")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what QEMU is known to do otherwise, when it is QEMU that is asked: those tests are not about it."""
    if config.getoption("--emulator") != "qemu":
        return
    foreign = [item for item in items if item.get_closest_marker("unlike_qemu")]
    config.hook.pytest_deselected(items=foreign)
    items[:] = [item for item in items if item not in foreign]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Have the engine compiled once, before workers start and before a test listens to what a command says."""
    if not hasattr(session.config, "workerinput"):
        mapped_code()
