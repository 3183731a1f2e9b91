from __future__ import annotations

import pytest

from rvgdb.sessions.mi import (
    MiError,
    Notice,
    Prompt,
    Record,
    Result,
    Stray,
    Text,
    fields_of,
    number_of,
    parse,
    quote,
    rows_of,
    text_of,
    texts_of,
)
from rvgdb.sessions.stops import Frame, Stop, StopReason, stop_from, thread_from

RECORDS: list[tuple[str, Record]] = [
    ("7^done", Result(7, "done")),
    ('7^done,value="0x10"', Result(7, "done", {"value": "0x10"})),
    ("^running", Result(None, "running")),
    ("3^connected", Result(3, "connected")),
    ('4^error,msg="No symbol \\"x\\""', Result(4, "error", {"msg": 'No symbol "x"'})),
    ('*running,thread-id="all"', Notice("running", {"thread-id": "all"})),
    ('=thread-created,id="1",group-id="i1"', Notice("thread-created", {"id": "1", "group-id": "i1"})),
    ('~"Hello\\n"', Text("console", "Hello\n")),
    ('&"warning\\n"', Text("log", "warning\n")),
    ('@"from the target"', Text("target", "from the target")),
    ("(gdb) ", Prompt()),
    ("not MI at all", Stray("not MI at all")),
]

STOPS = [
    (
        (
            '*stopped,reason="breakpoint-hit",disp="keep",bkptno="2",frame={addr="0x80000010",func="main",args=[],'
            'file="a.c",fullname="/a.c",line="4",arch="riscv:rv64"},thread-id="1",stopped-threads="all"'
        ),
        Stop(StopReason.BREAKPOINT, Frame(0, 0x80000010, "main", "a.c", 4), thread=1, number=2),
    ),
    (
        (
            '*stopped,reason="watchpoint-trigger",wpt={number="3",exp="x"},value={old="1",new="2"},'
            'frame={addr="0x10",func="??",args=[]},thread-id="2",stopped-threads="all"'
        ),
        Stop(StopReason.WATCH, Frame(0, 0x10), thread=2, number=3, expression="x", old="1", new="2"),
    ),
    (
        (
            '*stopped,reason="read-watchpoint-trigger",hw-rwpt={number="4",exp="x"},value={value="5"},'
            'frame={addr="0x10",func="f",args=[]},thread-id="1"'
        ),
        Stop(StopReason.READ_WATCH, Frame(0, 0x10, "f"), thread=1, number=4, expression="x", new="5"),
    ),
    (
        (
            '*stopped,reason="signal-received",signal-name="SIGINT",signal-meaning="Interrupt",'
            'frame={addr="0x10",func="f",args=[]},thread-id="1"'
        ),
        Stop(StopReason.SIGNAL, Frame(0, 0x10, "f"), thread=1, signal="SIGINT"),
    ),
    (
        (
            '*stopped,reason="function-finished",frame={addr="0x10",func="f",args=[]},gdb-result-var="$1",'
            'return-value="15",thread-id="1"'
        ),
        Stop(StopReason.FINISHED, Frame(0, 0x10, "f"), thread=1, returned="15"),
    ),
    ('*stopped,reason="exited-normally"', Stop(StopReason.EXITED_NORMALLY)),
    (
        '*stopped,frame={addr="0x1000",func="??",args=[]},thread-id="1",stopped-threads="all"',
        Stop(StopReason.UNSAID, Frame(0, 0x1000), thread=1),
    ),
]


@pytest.mark.parametrize(("line", "record"), RECORDS, ids=[line for line, _ in RECORDS])
def test_each_kind_of_line_is_a_record(line: str, record: Record) -> None:
    """Every form that MI's grammar has becomes a record of its own type."""
    assert parse(line) == record


@pytest.mark.parametrize(("line", "stop"), STOPS, ids=[stop.reason.name for _, stop in STOPS])
def test_stops_are_read(line: str, stop: Stop) -> None:
    """What GDB 13 writes at each kind of stop becomes a `Stop` with everything in it."""
    record = parse(line)
    assert isinstance(record, Notice)
    assert stop_from(record.fields) == stop


def test_stop_shows_its_frame() -> None:
    """A stop answers for its frame, and says nothing where there is none."""
    stop = Stop(StopReason.STEPPED, Frame(0, 0x10, "f", "a.c", 3))
    assert (stop.address, stop.function, stop.line) == (0x10, "f", 3)
    gone = Stop(StopReason.EXITED_NORMALLY)
    assert (gone.address, gone.function, gone.line) == (None, None, None)


def test_thread_without_a_frame() -> None:
    """A thread that runs has no frame."""
    record = parse('^done,threads=[{id="2",target-id="Thread 1.2",details="hart 1",state="running",core="1"}]')
    assert isinstance(record, Result)
    thread = thread_from(rows_of(record.fields, "threads")[0])
    assert (thread.number, thread.target_id, thread.details, thread.frame) == (2, "Thread 1.2", "hart 1", None)


def test_repeated_key_counts_once() -> None:
    """GDB gives two reasons for one stop now and then; the first one counts."""
    assert text_of({"reason": ["breakpoint-hit", "end-stepping-range"]}, "reason") == "breakpoint-hit"


def test_absent_fields() -> None:
    """What is not there is None or empty."""
    assert text_of({}, "x") is None
    assert number_of({}, "x") is None
    assert fields_of({}, "x") is None
    assert rows_of({}, "x") == []
    assert texts_of({}, "x") == []


def test_fields_of_another_shape() -> None:
    """A field that is not what MI promises is an error that names it."""
    with pytest.raises(MiError, match="'x'"):
        text_of({"x": {"y": "1"}}, "x")
    with pytest.raises(MiError, match="'x'"):
        fields_of({"x": "1"}, "x")
    with pytest.raises(MiError, match="'x'"):
        rows_of({"x": "1"}, "x")


def test_quoting() -> None:
    """What a command quotes, the parser of MI's own strings reads back."""
    text = 'say "hello\\there"\tand\nmore'
    assert parse(f"~{quote(text)}") == Text("console", text)
