"""The wire's bytes: the receive buffer and the packet writer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import FramingError, LocalProtocolError
from protocol.framing import (
    Framer,
    Mark,
    checksum,
    escape,
    expand_runs,
    frame,
    frame_notification,
    sanitise,
    shorten_runs,
    unescape,
)
from tests.protocol.wire import packet

LIMIT = 40


def items(*pieces: bytes, limit: int = LIMIT) -> list[bytes | Mark]:
    """Everything a framer finds in the pieces, fed one by one."""
    framer = Framer(limit)
    found = []
    for piece in pieces:
        framer.feed(piece)
        while (item := framer.next_item()) is not None:
            found.append(item)
        assert framer.pending <= limit + 4
    return found


CASES = [
    pytest.param(b"$qC#b4", [b"qC"], id="packet"),
    pytest.param(b"$#00", [b""], id="empty packet"),
    pytest.param(b"+$qC#b4", [Mark.ACKNOWLEDGED, b"qC"], id="acknowledged"),
    pytest.param(b"-$qC#B4", [Mark.REFUSED, b"qC"], id="upper-case checksum"),
    pytest.param(b"\x03", [Mark.INTERRUPT], id="interrupt"),
    pytest.param(b"$qC#b5$qC#b4", [Mark.BAD_CHECKSUM, b"qC"], id="bad checksum"),
    pytest.param(b"$qC#zz$qC#b4", [Mark.BAD_CHECKSUM, b"qC"], id="checksum not hex"),
    pytest.param(b"$qC#$qC#b4", [Mark.BAD_CHECKSUM, b"qC"], id="no checksum digits"),
    pytest.param(b"$qC#b$qC#b4", [Mark.BAD_CHECKSUM, b"qC"], id="one checksum digit"),
    pytest.param(b"$qC##b4$qC#b4", [Mark.BAD_CHECKSUM, b"qC"], id="two ends"),
    pytest.param(b"$$$$$$qC#b4", [b"qC"], id="many starts"),
    pytest.param(b"$abc$qC#b4", [b"qC"], id="a start inside a packet"),
    pytest.param(b"+noise\x00\xff$qC#b4", [Mark.ACKNOWLEDGED, b"qC"], id="noise between packets"),
    pytest.param(b"$a\x00b#c3", [b"a\0b"], id="NUL in a payload"),
    pytest.param(b"$\x03#03", [b"\x03"], id="0x03 in a payload"),
    pytest.param(packet(b"a" * LIMIT), [b"a" * LIMIT], id="longest packet"),
    pytest.param(packet(b"a" * (LIMIT + 1)) + b"$qC#b4", [Mark.OVER_LONG, b"qC"], id="over-long"),
    pytest.param(b"$" + b"+-\x03" * 999 + b"#00-$qC#b4", [Mark.OVER_LONG, b"qC"], id="over-long, full of marks"),
    pytest.param(b"$" + b"a" * 99 + b"$qC#b4", [Mark.OVER_LONG, b"qC"], id="over-long, then a start"),
    pytest.param(
        b"$" + b"a" * 99 + b"$" + b"b" * 99 + b"$qC#b4", [Mark.OVER_LONG, Mark.OVER_LONG, b"qC"], id="two over-long"
    ),
    pytest.param(b"POST / HTTP/1.1\r\n\r\n$qC#b4", [Mark.FOREIGN], id="HTTP"),
    pytest.param(b"\x16\x03\x01", [Mark.FOREIGN], id="TLS"),
]


@pytest.mark.parametrize(("stream", "expected"), CASES)
def test_any_split_gives_the_same_items(stream: bytes, expected: list[bytes | Mark]) -> None:
    """A stream means the same whole, byte by byte and cut anywhere once."""
    framers_stop = expected == [Mark.FOREIGN]
    for pieces in [
        [stream],
        [bytes((byte,)) for byte in stream],
        *([stream[:cut], stream[cut:]] for cut in range(len(stream))),
    ]:
        found = items(*pieces)
        assert found[: len(expected)] == expected
        assert framers_stop or len(found) == len(expected)


def test_a_flood_of_starts() -> None:
    """A million starts are each dropped without a search through the rest, and the packet after them is found."""
    assert items(b"$" * 1_000_000 + b"qC#b4") == [b"qC"]


@given(st.data())
def test_random_bytes_split_at_random(data: st.DataObject) -> None:
    """Bytes made mostly of special characters give the same items in any split."""
    alphabet = st.sampled_from([b"$", b"#", b"+", b"-", b"\x03", b"}", b"*", b"0", b"a", b"$qC#b4", b"a" * 30, b"%"])
    stream = b"+" + b"".join(data.draw(st.lists(alphabet, max_size=40)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert items(stream) == items(*pieces) == items(*(bytes((byte,)) for byte in stream))


@given(st.binary(max_size=3000))
def test_checksum_is_the_sum(payload: bytes) -> None:
    """The fast checksum is the sum modulo 256, for any length."""
    assert checksum(payload) == sum(payload) % 256


def test_checksum_of_large_bytes() -> None:
    """No length or value overflows the fast checksum."""
    for length in (255, 256, 257, 512, 65536):
        assert checksum(b"\xff" * length) == 255 * length % 256


@given(st.binary(max_size=400))
def test_escape_round_trip(data: bytes) -> None:
    """Escaped data hold no special byte and come back."""
    escaped = escape(data)
    assert not set(b"#$*") & set(escaped)
    assert unescape(escaped) == data


def test_unescape_takes_any_escaped_byte() -> None:
    """A peer may escape more than it must."""
    assert unescape(b"}Aa}]}\x03") == b"aa}#"


@pytest.mark.parametrize("data", [b"}", b"abc}", b"}]}"])
def test_unescape_refuses_a_cut_escape(data: bytes) -> None:
    """Data that end inside an escape are an error."""
    with pytest.raises(FramingError):
        unescape(data)


RUNS = st.lists(st.tuples(st.sampled_from(b"0fx \x00}]a"), st.integers(1, 220)), max_size=12)


@given(RUNS)
def test_runs_round_trip(runs: list[tuple[int, int]]) -> None:
    """Shortened payloads expand to what they were, and never hold a bare special byte."""
    payload = b"".join(bytes((byte,)) * count for byte, count in runs)
    shortened = shorten_runs(payload)
    assert expand_runs(shortened) == payload
    assert len(shortened) <= len(payload)
    assert not set(b"#$") & set(shortened)


@given(st.lists(st.sampled_from(b"#$}*0f\x00\x03\x04]"), max_size=600))
def test_runs_never_begin_inside_an_escape(data: list[int]) -> None:
    """A client that undoes escapes and runs in one pass reads the same as one that does it in two."""
    binary = bytes(data)
    shortened = shorten_runs(escape(binary))
    one_pass = bytearray()
    position = 0
    while position < len(shortened):
        byte = shortened[position]
        if byte == ord("}"):
            one_pass.append(shortened[position + 1] ^ 0x20)
        elif byte == ord("*"):
            one_pass += one_pass[-1:] * (shortened[position + 1] - 29)
        else:
            one_pass.append(byte)
        position += 2 if byte in b"}*" else 1
    assert bytes(one_pass) == unescape(expand_runs(shortened)) == binary


@pytest.mark.parametrize("payload", [b"*!", b"0*", b"0*\x1c", b"0*\x7f"])
def test_bad_run_lengths(payload: bytes) -> None:
    """A run needs a character before it and a printable count."""
    with pytest.raises(FramingError):
        expand_runs(payload)


def test_run_length_of_the_manual() -> None:
    """The manual's example: `0* ` is four zeros."""
    assert expand_runs(b"0* ") == b"0000"


def test_short_replies_stay_plain() -> None:
    """A register is readable in a packet log; a page of zeros is short."""
    assert frame(b"0" * 16) == packet(b"0" * 16)
    assert len(frame(b"0" * 8192)) < 300
    assert frame(b"0" * 8192, run_length=False) == packet(b"0" * 8192)


@pytest.mark.parametrize("payload", [b"a$b", b"#", b"a*b"])
def test_unescaped_payloads_are_our_fault(payload: bytes) -> None:
    """A payload that would break the framing is never sent."""
    with pytest.raises(LocalProtocolError):
        frame(payload)


def test_notification() -> None:
    """A notification is a packet with another start."""
    assert frame_notification(b"Stop:T05") == b"%Stop:T05" + packet(b"Stop:T05")[-3:]


@given(st.text())
def test_sanitised_text_can_be_framed(text: str) -> None:
    """Any text at all can be a reply."""
    assert frame(sanitise(text)).startswith(b"$")
