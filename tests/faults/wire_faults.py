"""What a client can do wrong, one function a fault; each checks what the protocol demands and returns.

The functions take the address of a server and may leave its guest in any state that a debugger can put it in, but must
leave a server that serves.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import trio

from tests.helpers.rsp import escaped, framed, open_rsp, open_served

Fault: TypeAlias = Callable[[str], Awaitable[None]]

RAM: Final = 0x80000000
MEGABYTES: Final = 10
RANDOM_PACKETS: Final = 10_000
SEED: Final = 20261123

HTTP: Final = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 200\r\n\r\n"

# Inputs with which QEMU's stub dies, reads beyond its buffers or does not answer at all, and their relatives. Each one
# must be answered here: (packet, what the reply begins with).
MALFORMED: Final = (
    (b"D;5", b"E"),
    (b"D;ffffffff", b"E"),
    (b"p80000000", b"E"),
    (b"pf0000000", b"E"),
    (b"pffffffff", b"E"),
    (b"p1000000000000000000000000", b"E"),
    (b"P80000000=0000000000000000", b"E"),
    (b"vKill;99", b"E"),
    (b"G00", b"E"),
    (b"G", b"E"),
    (b"P5=11", b"E"),
    (b"P5=", b"E"),
    (b"vCont", b""),
    (b"vCont;", b"E"),
    (b"vCont;q", b"E"),
    (b"vCont;s:99", b"E"),
    (b"qThreadExtraInfo,99", b"E"),
    (b"qThreadExtraInfo,zz", b"E"),
    (b"Hg99", b"E"),
    (b"T99", b"E"),
    (b"Qqemu.sstep=", b"E"),
    (b"Qqemu.sstep=zz", b"E"),
    (b"Z0,80000000,1", b"E"),
    (b"Z1,80000000,3", b"E"),
    (b"Z2,80000000,0", b"E"),
    (b"Z9,80000000,4", b""),
    (b"z0,80000000,4", b""),
    (b"Z0", b"E"),
    (b"qRcmd,zz", b"E"),
    (b"qRcmd,7", b"E"),
    (b"qXfer:features:read::0,10", b"E"),
    (b"qXfer:features:read:target.xml:-1,10", b"E"),
    (b"qXfer:features:read:target.xml:0,ffffffffffffffffff", b""),
    (b"qXfer:features:read:../../etc/passwd:0,10", b"E"),
    (b"m80000000,4\x00junk", b"E"),
    (b"m80000000,-4", b"E"),
    (b"m80000000,zz", b"E"),
    (b"m,", b"E"),
    (b"mffffffffffffffff,10", b"E"),
    (b"m80000000,ffffffffffffffff", b""),
    (b"m112233445566778899aabb,4", b"E"),
    (b"M80000000,4:00", b"E"),
    (b"M80000000,4:zz", b"E"),
    (b"M80000000,1000000:00", b"E"),
    (b"X80000000,4:a", b"E"),
    (b"X80000000,1:}", b"E"),
    (b"", b""),
    (b"\x00", b""),
    (b"no such packet", b""),
    (b"vMustReplyEmpty", b""),
)

# A payload that starts with one of these ends the guest, the session or the emulator, as it should.
ENDINGS: Final = (b"k", b"vKill", b"D", b"R", b"r", b"vRun", b"qRcmd", b"QStartNoAckMode")

PREFIXES: Final = tuple(
    b"? g G p P m M X x c s C S H T Z0, Z1, Z2, Z3, Z4, z0, z2, vCont vCont; vCont;c: vCont;s:p1. vCont;r vCont? "
    b"vFile: vAttach; vMustReplyEmpty ! qSupported: qXfer:features:read: qXfer:threads:read: qXfer:memory-map:read: "
    b"qSearch:memory: qCRC: qC qfThreadInfo qsThreadInfo qThreadExtraInfo, qAttached qqemu. Qqemu.sstep= "
    b"Qqemu.PhyMemMode: qOffsets qSymbol:: QNonStop:".split()
)
ARGUMENTS: Final = b"0123456789abcdef,;:=-.+p80000000"


async def bad_checksum(address: str) -> None:
    """A packet with a wrong checksum is refused, and the right one after it is answered."""
    async with open_served(address) as client:
        for sums in (b"00", b"ff", b"B5"):
            await client.send_raw(b"$qC#" + sums)
            assert await client.sign() == b"-"
        assert await client.answers()


async def checksum_of_no_digits(address: str) -> None:
    """A checksum that is no number is refused, and the packet behind it is not swallowed."""
    async with open_served(address) as client:
        await client.send_raw(b"$qC#zz")
        assert await client.sign() == b"-"
        assert await client.answers()


async def dollars(address: str) -> None:
    """A row of packet starts is a row of packets cut off; the last one counts."""
    async with open_served(address) as client:
        await client.send_raw(b"$" * 10_000 + framed(b"qC"))
        assert (await client.reply()).startswith(b"QC")
        assert await client.answers()


async def refusals(address: str) -> None:
    """A client that refuses what it gets has it again a few times, not for ever, and can go on."""
    async with open_served(address) as client:
        await client.order_no_acks()
        await client.send_raw(b"-" * 10_000)
        assert await client.answers()
    async with open_rsp(address) as client:
        await client.send_raw(b"+" * 10_000 + b"-" * 10_000)


async def half_a_packet_and_silence(address: str) -> None:
    """Half a packet waits for its other half as long as it takes, and nobody else waits meanwhile."""
    async with open_served(address) as client:
        await client.send_raw(b"$m8000")
        await second_debugger_is_refused(address)
        await client.send_raw(framed(b"m80000000,4")[6:])
        assert len(await client.reply()) == 8


async def half_a_packet_and_goodbye(address: str) -> None:
    """Half a packet of a client that leaves is forgotten."""
    async with open_served(address) as client:
        await client.send_raw(b"$M80000000,4:0011")
        await client.reset()
    async with open_served(address) as client:
        assert await client.answers()


async def ten_megabytes(address: str) -> None:
    """A packet far beyond the announced size is answered with an error and not kept."""
    async with open_served(address) as client:
        await client.send_raw(framed(b"m" * (MEGABYTES << 20)))
        assert (await client.reply()).startswith(b"E")
        assert await client.answers()


async def ten_megabytes_without_an_end(address: str) -> None:
    """A packet that never ends is not kept, and the next one is answered."""
    async with open_served(address) as client:
        await client.send_raw(b"$" + bytes(MEGABYTES << 20))
        await client.send_raw(framed(b"qC"))
        assert (await client.reply()).startswith((b"QC", b"E"))
        assert await client.answers() or await client.answers()


async def ten_megabytes_of_nothing(address: str) -> None:
    """Bytes outside of any packet are passed over."""
    async with open_served(address) as client:
        await client.send_raw(b"+" * (MEGABYTES << 20))
        assert await client.answers()


async def malformed_packets(address: str) -> None:
    """Each input that a stub is known to have died of is answered, with an error where it is one."""
    async with open_served(address) as client:
        for payload, beginning in MALFORMED:
            reply = await client.ask(payload)
            assert reply.startswith(beginning), (payload, reply)
            if payload in (b"", b"\x00", b"no such packet", b"vMustReplyEmpty", b"Z9,80000000,4"):
                assert reply == b"", (payload, reply)
        assert await client.answers()


async def random_packets(address: str) -> None:
    """Ten thousand random packets get ten thousand replies."""
    chance = random.Random(SEED)
    packets = [random_payload(chance) for _ in range(RANDOM_PACKETS)]
    async with open_served(address) as client:
        await client.order_no_acks()
        for start in range(0, RANDOM_PACKETS, 100):
            batch = packets[start : start + 100]
            await client.send_raw(b"".join(map(framed, batch)))
            await client.send(b"?")  # it stops a guest that the last packet of the batch let run
            for _ in range(len(batch) + 1):
                await client.reply()
        assert await client.answers()


async def random_bytes(address: str) -> None:
    """Bytes that are no packets at all cost at most the connection."""
    chance = random.Random(SEED)
    for _ in range(50):
        async with open_rsp(address) as client:
            await client.send_raw(chance.choice([b"+", b"$", b"-", b""]) + chance.randbytes(chance.randrange(1, 4000)))
    async with open_served(address) as client:
        assert await client.answers()


async def http_request(address: str) -> None:
    """A browser's request is not obeyed, though its body be a packet, and the connection is closed."""
    async with open_rsp(address) as client:
        await client.send_raw(HTTP + framed(b"M80000000,4:deadbeef") + framed(b"qC"))
        assert await client.end() == b""
    async with open_served(address) as client:
        assert await client.ask(b"m80000000,4") != b"deadbeef"


async def disconnect_in_a_reply(address: str) -> None:
    """A client that breaks the connection while a long reply is on its way takes nothing with it."""
    async with open_served(address) as client:
        for _ in range(200):
            await client.send(b"m80000000,8000")
        await client.sign()
        await client.reset()
    async with open_served(address) as client:
        assert await client.answers()


async def slow_reader(address: str) -> None:
    """A client that asks for more than the network holds, and reads only later, gets every answer in the end."""
    answers = 400  # of 64 KiB each
    async with open_served(address) as client, trio.open_nursery() as nursery:
        await client.order_no_acks()
        nursery.start_soon(client.send_raw, framed(b"m80000000,8000") * answers + framed(b"qC"))
        await second_debugger_is_refused(address)  # nobody else waits meanwhile
        for _ in range(answers):
            assert len(await client.reply()) == 2 * 0x8000
        assert (await client.reply()).startswith(b"QC")


async def half_closed(address: str) -> None:
    """A client that has closed its direction is told what it asked for before, and then let go of."""
    async with open_served(address) as client:
        await client.order_no_acks()
        await client.send_raw(framed(b"qC") + framed(b"m80000000,4"))
        await client.finish_sending()
        assert (await client.reply()).startswith(b"QC")
        assert len(await client.reply()) == 8
        assert await client.end() == b""
    async with open_served(address) as client:
        assert await client.answers()


async def disconnect_while_running(address: str) -> None:
    """A client that breaks the connection while the guest runs leaves a guest that the next one can stop."""
    async with open_served(address) as client:
        await client.spin()
        await client.reset()
    async with open_served(address) as client:
        pc = await client.ask(b"p20")
        assert pc == RAM.to_bytes(8, "little").hex().encode()


async def leave_while_running(address: str) -> None:
    """A client that closes the connection in the ordinary way while the guest runs is as good as gone."""
    async with open_served(address) as client:
        await client.spin()
        await client.finish_sending()
        await client.end()
    async with open_served(address) as client:
        assert await client.answers()


async def second_debugger(address: str) -> None:
    """A second client is told why it is refused, the guest halted or running; the first one notices nothing."""
    async with open_served(address) as first:
        await second_debugger_is_refused(address)
        assert await first.answers()
        await first.spin()
        await second_debugger_is_refused(address)
        assert (await first.interrupt()).startswith(b"T02")


async def second_debugger_is_refused(address: str) -> None:
    """Connect where somebody else is served already."""
    async with open_rsp(address) as second:
        refusal = await second.introduce()
        assert refusal.startswith(b"E.another debugger"), refusal
        await second.end()


async def crowd(address: str) -> None:
    """Fifty clients that connect and go, some of them at once, keep nobody from being served."""
    for number in range(50):
        async with open_rsp(address) as client:
            if number % 2:
                await client.send(b"qC")
            if number % 3:
                await client.reset()
    async with open_served(address) as client:
        assert await client.answers()


async def interrupts(address: str) -> None:
    """A thousand Ctrl-C at a halted guest and a running one are answered by one stop."""
    async with open_served(address) as client:
        await client.send_raw(b"\x03" * 1000)
        assert await client.answers()
        await client.spin()
        await client.send_raw(b"\x03" * 1000)
        assert (await client.reply()).startswith(b"T02")
        assert await client.answers()


def random_payload(chance: random.Random) -> bytes:
    """A packet that a program with a bug might send: half of them look like packets, half are noise."""
    while True:
        if chance.random() < 0.5:
            arguments = bytes(chance.choices(ARGUMENTS, k=chance.randrange(0, 24)))
            payload = chance.choice(PREFIXES) + arguments
        else:
            payload = escaped(chance.randbytes(chance.randrange(0, 64)))
        if not payload.startswith(ENDINGS):
            return payload


FAULTS: Final[tuple[Fault, ...]] = (
    bad_checksum,
    checksum_of_no_digits,
    dollars,
    refusals,
    half_a_packet_and_silence,
    half_a_packet_and_goodbye,
    ten_megabytes,
    ten_megabytes_without_an_end,
    ten_megabytes_of_nothing,
    malformed_packets,
    random_packets,
    random_bytes,
    http_request,
    disconnect_in_a_reply,
    slow_reader,
    half_closed,
    disconnect_while_running,
    leave_while_running,
    second_debugger,
    crowd,
    interrupts,
)
