"""Who may connect: ranges of addresses, of both families."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rvgdb.peers import EVERYBODY, is_loopback, parse_allowed


@pytest.mark.parametrize(
    ("ranges", "peer", "admitted"),
    [
        ("127.0.0.0/8", "127.3.2.1", True),
        ("127.0.0.0/8", "128.0.0.1", False),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("192.0.2.7/24", "192.0.2.8", True),
        ("192.0.2.0/24,2001:db8::/32", "2001:db8:1::5", True),
        ("2001:db8::/32", "192.0.2.7", False),
        ("192.0.2.0/24", "::ffff:192.0.2.9", True),
        ("fe80::/10", "fe80::1%eth0", True),
        ("0.0.0.0/0", "::1", False),
    ],
)
def test_ranges(ranges: str, peer: str, *, admitted: bool) -> None:
    """A peer is admitted if one of the ranges has its address; one of IPv4 is one, also through an IPv6 socket."""
    assert parse_allowed("-gdb", ranges).admits(peer) is admitted


def test_without_ranges_everybody_is_admitted() -> None:
    """No `allow=` is no limit."""
    assert EVERYBODY.admits("203.0.113.9")


@given(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(0, 2**32 - 1))
def test_a_range_is_a_prefix(base: int, length: int, peer: int) -> None:
    """A peer is inside exactly if the first bits are the same, whatever the other bits of the range say."""
    text = f"{IPv4Address(base)}/{length}"
    same = base >> (32 - length) == peer >> (32 - length)
    assert parse_allowed("-gdb", text).admits(str(IPv4Address(peer))) is same
    assert (IPv4Address(peer) in ip_network(text, strict=False)) is same


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
    ],
)
def test_loopback(host: str, *, own: bool) -> None:
    """What only this host reaches."""
    assert is_loopback(host) is own
