"""The pytest plugin: debug sessions as a fixture, `.gdb` scripts as tests, and what was said attached to a failure.

    async def test_counter(rvgdb):  # with pytest-trio; without it, use `rvgdb.blocking(...)` in a plain function
        async with rvgdb("-bios", "none", "-kernel", "guest.elf") as session:
            await session.gdb.watch("counter")
            await session.gdb.cont()
            await session.gdb.expect_stop(StopReason.WATCH)

It is found through the entry point `pytest11`; installing rvgdb is all that is needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

SECTION: Final = "rvgdb: what GDB, the machine and the guest said last"
TRAFFIC: Final = pytest.StashKey[list[str]]()
SCRIPTS: Final = "--rvgdb-scripts"
OPTIONS: Final = "--rvgdb-option"


class Opener:
    """The fixture `rvgdb`: opens sessions, and remembers what was said in them.

    Args:
        options: Options of `rvgdb run` that every session begins with.
        told: Gets the traffic of each session.
    """

    def __init__(self, options: tuple[str, ...], told: list[str]) -> None:
        self._options = options
        self._told = told

    @asynccontextmanager
    async def __call__(self, *options: str, **how: Any) -> AsyncIterator[Any]:  # noqa: ANN401 -- as of `open_session`
        """`rvgdb.sessions.open_session`."""
        from rvgdb.sessions.debugging import open_session

        async with open_session(*self._options, *options, **how) as session:
            try:
                yield session
            finally:
                self._told.append(session.traffic())

    @contextmanager
    def blocking(self, *options: str, **how: Any) -> Iterator[Any]:  # noqa: ANN401 -- as of `open_session`
        """`rvgdb.sessions.blocking.open_session`, for a test without trio."""
        from rvgdb.sessions.blocking import open_session

        with open_session(*self._options, *options, **how) as session:
            try:
                yield session
            finally:
                self._told.append(session.traffic())


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `rvgdb test`."""
    group = parser.getgroup("rvgdb", "debug sessions")
    group.addoption(SCRIPTS, action="store_true", help="collect .gdb scripts as tests (what 'rvgdb test' does)")
    group.addoption(
        OPTIONS, action="append", default=[], metavar="WORD", help="an option of 'rvgdb run' for every session"
    )


@pytest.fixture
def rvgdb(request: pytest.FixtureRequest) -> Opener:
    """Give the test what opens its sessions."""
    told = request.node.stash.setdefault(TRAFFIC, [])
    return Opener(tuple(request.config.getoption(OPTIONS)), told)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what was said to the report of a failed test."""
    report = yield
    if report.failed:
        report.sections.extend((SECTION, text) for text in item.stash.get(TRAFFIC, []))
    return report


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take `.gdb` files as tests where that is asked for."""
    if file_path.suffix == ".gdb" and parent.config.getoption(SCRIPTS):
        return ScriptFile.from_parent(parent, path=file_path)
    return None


class ScriptFile(pytest.File):
    """A `.gdb` file; it holds one test."""

    def collect(self) -> Iterator[pytest.Item]:
        """The script."""
        yield ScriptItem.from_parent(self, name=self.path.stem)


class ScriptItem(pytest.Item):
    """A `.gdb` script that is run against a fresh machine; it passes if GDB ends with status 0."""

    obj: Final = None
    """pytest-trio's automatic mode asks each item for its function."""

    def runtest(self) -> None:
        """Run it.

        Raises:
            ScriptFailed: GDB ended with another status.
        """
        from rvgdb.scripting import ScriptFailed, run_gdb_script

        verdict = run_gdb_script(self.path, tuple(self.config.getoption(OPTIONS)))
        if verdict.status:
            raise ScriptFailed(verdict)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """What the script printed, instead of our own call stack."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the test is."""
        return self.path, 0, self.name
