"""The debug port: coming, going, sharing, and what a client can do wrong."""

from __future__ import annotations

import socket
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio

from emulator.stops import GuestExit
from protocol.replies import Reply
from protocol.requests import GetCurrentThread
from rvgdb.chardev import Tcp, Unix
from rvgdb.client import Client
from rvgdb.connection import REFUSAL, REFUSAL_SECONDS
from rvgdb.dispatch import TABLE
from rvgdb.errors import ListenError
from rvgdb.listening import LOOPBACK, address_text, connect, listen
from rvgdb.peers import EVERYBODY, Allowed, parse_allowed
from rvgdb.runner import StepMask
from rvgdb.server import HANDOVER_SECONDS
from rvgdb.settings import OnDisconnect
from tests.rvgdb.fake_machine import BASE
from tests.rvgdb.rsp_client import RspClient, Stub, packet

HOST_1 = parse_allowed("-gdb", "127.0.0.1")


class Port:
    """A stub's server at a loopback port, and the debuggers that attached there."""

    def __init__(self, address: str, closing: AsyncExitStack) -> None:
        self.host, _, port = address.rpartition(":")
        self.port = int(port)
        self._closing = closing

    async def attach(self) -> RspClient:
        """A debugger over TCP."""
        client = RspClient(await self._closing.enter_async_context(await trio.open_tcp_stream(self.host, self.port)))
        await client.introduce()
        return client


@asynccontextmanager
async def listening(stub: Stub) -> AsyncIterator[Port]:
    """The stub's server at a loopback port."""
    async with stub.running(), AsyncExitStack() as closing:
        assert stub.nursery is not None
        addresses = await stub.nursery.start(stub.server.serve)
        yield Port(addresses[0], closing)


# --- over sockets ---


async def test_it_listens_on_loopback_and_says_where() -> None:
    """Port 0 picks one, and the user learns it."""
    stub = Stub()
    async with listening(stub) as port:
        assert port.host == LOOPBACK
        assert stub.reports == [f"gdb listening on {LOOPBACK}:{port.port}"]
        client = await port.attach()
        assert await client.ask(b"p20") == BASE.to_bytes(8, "little").hex().encode()


async def test_many_packets_in_one_segment_are_answered_in_order() -> None:
    """A client need not wait for answers."""
    async with listening(Stub()) as port:
        client = await port.attach()
        await client.ask(b"QStartNoAckMode")
        await client.stream.send_all(packet(b"qC") + packet(b"vMustReplyEmpty") + packet(b"qAttached"))
        assert (await client.reply()).startswith(b"QC")
        assert await client.reply() == b""
        assert await client.reply() == b"1"


async def test_a_packet_may_come_in_pieces() -> None:
    """Every split of the stream is the same stream."""
    async with listening(Stub()) as port:
        client = await port.attach()
        for byte in packet(b"qAttached"):
            await client.stream.send_all(bytes([byte]))
        assert await client.reply() == b"1"


async def test_a_long_reply_waits_for_a_slow_reader() -> None:
    """A reply larger than the socket's buffers arrives whole."""
    stub = Stub()
    async with listening(stub) as port:
        client = await port.attach()
        await client.ask(b"QStartNoAckMode")
        stub.machine.debug.memory[:] = bytes(range(256)) * (len(stub.machine.debug.memory) // 256)
        for _ in range(40):
            await client.send(b"m%x,f000" % BASE)
        for _ in range(40):
            assert len(await client.reply()) == 2 * 0xF000


async def test_a_port_in_use_is_named() -> None:
    """The error says which port, and what to do."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}: it is in use; choose another"):
            await listen(Tcp("", port))


async def test_an_address_that_is_not_ours_is_named() -> None:
    """An address of another machine cannot be listened on."""
    with pytest.raises(ListenError, match=r"cannot listen on 192\.0\.2\.1:0"):
        await listen(Tcp("192.0.2.1", 0))


async def test_a_unix_socket_works_and_is_removed(tmp_path: Path) -> None:
    """The path is there while the server is, for its owner alone, and a stale one is replaced."""
    path = tmp_path / "gdb.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    stub = Stub(device=Unix(path))
    async with stub.running():
        assert stub.nursery is not None
        await stub.nursery.start(stub.server.serve)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with await connect(Unix(path)) as stream:
            assert await RspClient(stream).ask(b"qAttached") == b"1"
        with pytest.raises(ListenError, match="it is in use"):
            await listen(Unix(path))
    assert not path.exists()


async def test_ipv6() -> None:
    """An IPv6 address is listened on and shown in brackets, as it is typed."""
    stub = Stub(device=Tcp("::1", 0))
    async with listening(stub) as port:
        assert stub.reports == [f"gdb listening on [::1]:{port.port}"]
        client = RspClient(await trio.open_tcp_stream("::1", port.port))
        assert await client.ask(b"qAttached") == b"1"
        await client.stream.aclose()


@pytest.mark.parametrize(
    ("allowed", "whom"), [(EVERYBODY, "whoever reaches it"), (HOST_1, "whoever allow= admits")], ids=["all", "some"]
)
async def test_an_address_for_other_hosts_is_warned_of(allowed: Allowed, whom: str) -> None:
    """Who listens for others is told that the protocol has no authentication, before the port is announced."""
    stub = Stub(device=Tcp("0.0.0.0", 0), allowed=allowed)
    async with listening(stub) as port:
        warning, announcement = stub.reports
        assert "warning: 0.0.0.0:" in warning
        assert "no authentication" in warning
        assert whom in warning
        assert announcement == f"gdb listening on 0.0.0.0:{port.port}"


async def test_peers_that_allow_does_not_name_get_nothing() -> None:
    """They are disconnected unheard, the guest does not halt, and the one that is named is served meanwhile."""
    stub = Stub(device=Tcp(LOOPBACK, 0), allowed=HOST_1)
    async with listening(stub) as port:
        stub.machine.stops.append(stub.machine.spin)
        stub.runner.resume()
        for _ in range(20):
            stranger = await trio.open_tcp_stream(LOOPBACK, port.port, local_address="127.0.0.2")
            client = RspClient(stranger)
            with suppress(trio.BrokenResourceError):
                await client.send(b"k")
            assert await client.expect_end() == b""
            await stranger.aclose()
        assert stub.runner.running
        assert not stub.server.busy
        assert stub.reports[1:] == ["a connection from 127.0.0.2 was refused: allow= does not name it (said once)"]
        friend = await port.attach()
        assert await friend.ask(b"qAttached") == b"1"


async def test_a_file_is_not_a_stale_socket(tmp_path: Path) -> None:
    """Something else at the path is left alone."""
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(ListenError, match="it is in use"):
        await listen(Unix(path))
    assert path.read_text() == "data"


async def test_connecting_to_nobody_is_named(tmp_path: Path) -> None:
    """A serial port that leads nowhere says so."""
    with pytest.raises(ListenError, match="is somebody listening there"):
        await connect(Unix(tmp_path / "nobody"))
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        with pytest.raises(ListenError, match="cannot connect to"):
            await connect(Tcp("", free.getsockname()[1]))


@pytest.mark.parametrize(
    ("name", "text"),
    [(("127.0.0.1", 80), "127.0.0.1:80"), (("::1", 80, 0, 0), "[::1]:80"), ("/a", "/a"), (b"/b", "/b")],
)
def test_an_address_as_text(name: object, text: str) -> None:
    """As the user would type it."""
    assert address_text(name) == text


# --- coming ---


async def test_the_guest_runs_on_until_a_debugger_asks_something(stub: Stub) -> None:
    """A connection alone, as of a port scan, does not halt the guest."""
    stub.machine.stops.append(stub.machine.spin)
    stub.runner.resume()
    scan = stub.connect()
    await scan.stream.aclose()
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert stub.runner.running
    client = stub.connect()
    assert (await client.ask(b"?")).startswith(b"T05")
    assert not stub.runner.running


async def test_another_protocol_is_turned_away(stub: Stub) -> None:
    """An HTTP request with a packet in its body is not obeyed."""
    stub.machine.stops.append(stub.machine.spin)
    stub.runner.resume()
    client = stub.connect()
    await client.stream.send_all(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n" + packet(b"k"))
    assert await client.expect_end() == b""
    assert stub.runner.running
    assert not stub.runner.finished.is_set()


async def test_a_second_debugger_is_refused(stub: Stub, gdb: RspClient) -> None:
    """It learns why; the first one notices nothing."""
    second = stub.connect()
    await second.ask(b"qSupported:error-message+")
    assert await second.ask(b"vMustReplyEmpty") == b"E." + REFUSAL.encode()
    assert await second.expect_end() == b""
    assert await gdb.ask(b"qAttached") == b"1"


async def test_a_second_debugger_that_only_greets_is_dropped(
    stub: Stub, gdb: RspClient, autojump_clock: object
) -> None:
    """One that begins to talk but asks nothing is closed after a while."""
    began = trio.current_time()
    second = stub.connect()
    await second.stream.send_all(b"+")
    with trio.fail_after(2 * REFUSAL_SECONDS):
        assert await second.stream.receive_some() == b""
    assert trio.current_time() - began == pytest.approx(REFUSAL_SECONDS + HANDOVER_SECONDS)


async def test_a_debugger_may_overtake_the_end_of_its_connection(stub: Stub, gdb: RspClient) -> None:
    """Detach and reattach at once: the new connection is there before the old one's end was seen."""
    again = stub.connect()
    await again.send(b"qAttached")
    await gdb.stream.aclose()
    assert await again.reply() == b"1"


# --- going ---


async def gone(stub: Stub) -> None:
    """Wait until the server noticed that its debugger went."""
    with trio.fail_after(5):
        while stub.server.busy:
            await trio.testing.wait_all_tasks_blocked()


async def test_a_packet_while_the_guest_runs(stub: Stub, gdb: RspClient) -> None:
    """It stops the guest, and after the stop it is answered without a further byte from the debugger."""
    assert await gdb.ask(b"QStartNoAckMode") == b"OK"
    gdb.acknowledges = False
    await stub.run_busily(gdb)
    assert (await gdb.ask(b"qC")).startswith(b"T02")
    assert (await gdb.reply()).startswith(b"QC")


@pytest.mark.parametrize(("choice", "runs"), [(choice, choice is not OnDisconnect.HALT) for choice in OnDisconnect])
async def test_vanishing_while_the_guest_runs(choice: OnDisconnect, *, runs: bool) -> None:
    """The guest goes on, but with on-disconnect=halt."""
    async with Stub(on_disconnect=choice).running() as stub:
        client = stub.connect()
        await client.introduce()
        await stub.run_busily(client)
        if runs:
            stub.machine.stops.append(stub.machine.spin)
        await client.stream.aclose()
        await gone(stub)
        assert stub.runner.running is runs


@pytest.mark.parametrize(("choice", "runs"), [(choice, choice is OnDisconnect.CONTINUE) for choice in OnDisconnect])
async def test_vanishing_while_the_guest_is_halted(choice: OnDisconnect, *, runs: bool) -> None:
    """The guest stays halted, but with on-disconnect=continue."""
    async with Stub(on_disconnect=choice).running() as stub:
        client = stub.connect()
        await client.ask(b"qC")
        if runs:
            stub.machine.stops.append(stub.machine.spin)
        await client.stream.aclose()
        await gone(stub)
        assert stub.runner.running is runs


async def test_detach_lets_the_guest_go_on_whatever_on_disconnect_says() -> None:
    """Breakpoints go, the guest runs, and another debugger may attach."""
    async with Stub(on_disconnect=OnDisconnect.HALT).running() as stub:
        client = stub.connect()
        await client.introduce()
        await client.ask(b"Z0,%x,4" % BASE)
        stub.machine.stops.append(stub.machine.spin)
        assert await client.ask(b"D;1") == b"OK"
        await client.stream.aclose()
        stub.machine.stops.append(stub.machine.spin)
        await gone(stub)
        assert stub.runner.running
        assert not stub.machine.debug.breakpoints
        again = stub.connect()
        assert (await again.ask(b"?")).startswith(b"T05")


async def test_what_a_debugger_set_goes_with_it(stub: Stub) -> None:
    """Breakpoints, physical mode, the step mask, acknowledgements, the error form: all as new."""
    client = stub.connect()
    await client.introduce()
    for body in (b"Z0,%x,4" % BASE, b"Z2,%x,4" % BASE, b"Qqemu.PhyMemMode:1", b"Qqemu.sstep=1", b"QStartNoAckMode"):
        assert await client.ask(body) == b"OK"
    await client.stream.aclose()
    await gone(stub)
    assert not stub.machine.debug.breakpoints
    assert not stub.machine.debug.watchpoints
    assert not stub.target.memory.physical
    assert stub.runner.step_mask == StepMask.ALL
    again = stub.connect()
    await again.stream.send_all(packet(b"m0,1"))
    with trio.fail_after(5):
        assert await again.stream.receive_some() == b"+" + packet(b"E14")


async def test_vanishing_in_the_middle_of_a_reply(stub: Stub) -> None:
    """A reader that closes while megabytes are on their way takes only itself down."""
    stub_over_tcp = Stub()
    async with listening(stub_over_tcp) as port:
        client = await port.attach()
        await client.ask(b"QStartNoAckMode")
        for _ in range(100):
            await client.send(b"m%x,f000" % BASE)
        await client.stream.aclose()
        await gone(stub_over_tcp)
        again = await port.attach()
        assert await again.ask(b"qAttached") == b"1"


async def test_a_mistake_in_a_handler_costs_the_debugger_and_not_the_guest(
    stub: Stub, gdb: RspClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user is told in one line, and another debugger is served."""

    def broken(client: Client, request: GetCurrentThread) -> Reply:
        raise ZeroDivisionError(request)

    monkeypatch.setitem(TABLE, GetCurrentThread, broken)
    await gdb.ask(b"Z0,%x,4" % BASE)
    await gdb.send(b"qC")
    await gdb.expect_end()
    assert "internal error" in stub.reports[0]
    assert not stub.machine.debug.breakpoints
    again = stub.connect()
    assert await again.ask(b"qAttached") == b"1"


async def test_half_a_packet_and_goodbye(stub: Stub) -> None:
    """Nothing happens to the guest, and the next debugger is served."""
    client = stub.connect()
    await client.stream.send_all(b"$m8000")
    await client.stream.aclose()
    await gone(stub)
    again = stub.connect()
    assert await again.ask(b"qAttached") == b"1"


async def test_the_guests_end_reaches_a_debugger_over_tcp() -> None:
    """`W` arrives before the connection closes."""
    stub = Stub()
    async with listening(stub) as port:
        client = await port.attach()
        stub.machine.stops.append(GuestExit(7))
        assert (await client.ask(b"vCont;c")).startswith(b"W07")


async def test_a_monitor_may_resume_the_guest_under_a_debugger(stub: Stub, gdb: RspClient) -> None:
    """As in QEMU: the guest runs, and is halted again when the debugger asks something."""
    stub.machine.stops.append(stub.machine.spin)
    assert await gdb.ask(b"qRcmd," + b"cont".hex().encode()) == b"OK"
    assert stub.runner.running
    assert await gdb.ask(b"qAttached") == b"1"
    assert not stub.runner.running


async def test_a_silent_connection_keeps_nobody_out() -> None:
    """Who connects and says nothing does not hold the debug port."""
    async with listening(Stub()) as port, await trio.open_tcp_stream(port.host, port.port):
        debugger = await port.attach()
        assert (await debugger.ask(b"qC")).startswith(b"QC")
