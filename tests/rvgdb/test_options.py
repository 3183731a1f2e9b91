"""QEMU's command line: what every row means, and what every error says."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from rvgdb import qemu_names
from rvgdb.chardev import File, NoDevice, Null, Stdio, Tcp, Unix
from rvgdb.errors import OptionError
from rvgdb.options import OPTIONS, help_text, parse
from rvgdb.peers import Allowed
from rvgdb.settings import GdbOption, IcountOption, KvmOption, OnDisconnect, RunSettings, Topic


def _allowed(*ranges: str) -> Allowed:
    return Allowed(tuple(ip_network(text) for text in ranges))


MEANINGS = [
    ("-M virt", {}),
    ("-machine virt,dumpdtb=x.dtb", {"dump_dtb": Path("x.dtb")}),
    ("-machine type=virt,aclint=off", {}),
    ("-M virt,dtb=a.dtb,accel=tcg", {"dtb": Path("a.dtb")}),
    ("-accel tcg", {}),
    ("-accel tcg,thread=single", {}),
    ("-accel kvm", {"kvm": KvmOption()}),
    ("-accel kvm,kernel=linux-6.13,host-isa=rv64imah", {"kvm": KvmOption(kernel="linux-6.13", host_isa="rv64imah")}),
    ("-accel kvm,sbi-v01=on", {"kvm": KvmOption(legacy_sbi=True)}),
    ("-M virt,accel=kvm", {"kvm": KvmOption()}),
    ("-accel kvm -accel tcg", {"kvm": None}),
    ("-enable-kvm", {"kvm": KvmOption()}),
    ("-incoming guest.state", {"incoming": Path("guest.state")}),
    ("-incoming file:guest.state", {"incoming": Path("guest.state")}),
    ("-cpu rv64", {"cpu": "rv64"}),
    ("-cpu rv64,c=off,zba=on", {"cpu": "rv64,c=off,zba=on"}),
    ("-smp 4", {"harts": 4}),
    ("-smp cpus=3", {"harts": 3}),
    ("-smp 0x2", {"harts": 2}),
    ("-smp 4,sockets=2,cores=2,threads=1,maxcpus=4", {"harts": 4}),
    ("-smp cores=2", {"harts": 2}),
    ("-m 128", {"ram_size": 128 << 20}),
    ("-m 1G", {"ram_size": 1 << 30}),
    ("-m 1.5G", {"ram_size": 3 << 29}),
    ("-m size=64M", {"ram_size": 64 << 20}),
    ("-m 4096k", {"ram_size": 4 << 20}),
    ("-m 8192B", {"ram_size": 8192}),
    ("-m 0x40", {"ram_size": 64 << 20}),
    ("-bios none", {"bios": "none"}),
    ("-bios fw.elf", {"bios": "fw.elf"}),
    ("-kernel k.elf", {"kernel": Path("k.elf")}),
    ("-initrd i.cpio", {"initrd": Path("i.cpio")}),
    ("-append console=ttyS0", {"append": "console=ttyS0"}),
    ("-dtb d.dtb", {"dtb": Path("d.dtb")}),
    ("-seed 0x2a", {"seed": 42}),
    ("-device loader,file=a,,b.bin,addr=4", {"loaders": ("file=a,,b.bin,addr=4",)}),
    ("-device loader,file=a.elf -device loader,addr=8,cpu-num=0", {"loaders": ("file=a.elf", "addr=8,cpu-num=0")}),
    ("-nographic", {}),
    ("-nographic -monitor none", {"serial": Stdio(monitor=False)}),
    ("-display none", {"serial": Null()}),
    ("-display none -nographic", {}),
    ("-serial stdio", {"serial": Stdio()}),
    ("-serial mon:stdio", {"serial": Stdio(monitor=True)}),
    ("-serial null", {"serial": Null()}),
    ("-serial none", {"serial": NoDevice()}),
    ("-serial file:out.txt", {"serial": File(Path("out.txt"))}),
    ("-serial tcp:localhost:99", {"serial": Tcp("localhost", 99)}),
    ("-serial tcp::99,server=on,wait=off", {"serial": Tcp("", 99, server=True, wait=False)}),
    ("-serial tcp:[::1]:99,server,nowait", {"serial": Tcp("::1", 99, server=True, wait=False)}),
    ("-serial unix:/run/s,server=on", {"serial": Unix(Path("/run/s"), server=True)}),
    ("-serial unix:path=/run/s", {"serial": Unix(Path("/run/s"))}),
    ("-monitor none", {"serial": Stdio()}),
    ("-monitor stdio", {"serial": Null(), "monitor": Stdio()}),
    ("-s", {"gdb": GdbOption(Tcp("", 1234))}),
    ("-S", {"start_stopped": True}),
    ("-gdb tcp::0", {"gdb": GdbOption(Tcp("", 0))}),
    (
        "-gdb tcp:192.0.2.1:1,on-disconnect=halt",
        {"gdb": GdbOption(Tcp("192.0.2.1", 1), OnDisconnect.HALT)},
    ),
    (
        "-gdb unix:/run/g,server=on,wait=off,on-disconnect=continue",
        {"gdb": GdbOption(Unix(Path("/run/g"), server=True, wait=False), OnDisconnect.CONTINUE)},
    ),
    (
        "-gdb tcp:0.0.0.0:5,allow=127.0.0.0/8,::1,on-disconnect=halt,allow=192.0.2.7",
        {"gdb": GdbOption(Tcp("0.0.0.0", 5), OnDisconnect.HALT, allowed=_allowed("127.0.0.0/8", "::1", "192.0.2.7"))},
    ),
    ("-gdb tcp:[::1]:5", {"gdb": GdbOption(Tcp("::1", 5))}),
    ("-gdb tcp::5,memory-map=on", {"gdb": GdbOption(Tcp("", 5), memory_map=True)}),
    ("-gdb stdio", {"gdb": GdbOption(Stdio()), "serial": Null()}),
    ("-gdb none", {"gdb": None}),
    ("-no-reboot", {"no_reboot": True}),
    ("-icount shift=0,sleep=off", {"icount": IcountOption(0, sleep=False)}),
    ("-icount auto", {"icount": IcountOption(None, sleep=True)}),
    ("-icount 3,align=off", {"icount": IcountOption(3, sleep=True)}),
    ("-d in_asm,int", {"log_items": ("in_asm", "int")}),
    ("-d int -d cpu,int", {"log_items": ("int", "cpu")}),
    ("-D log.txt", {"log_file": Path("log.txt")}),
]

ERRORS = [
    ("-foo", "-foo: invalid option"),
    ("-kernal x", "did you mean -kernel?"),
    ("-netdev user", "-netdev: this option of QEMU's is not supported"),
    ("-cdrom x", "is not supported by rvgdb"),
    ("prog.elf", "-kernel prog.elf"),
    ("-", "not an option"),
    ("-m", "-m: an argument is needed: -m SIZE"),
    ("-m x", "a size is needed"),
    ("-m 0", "whole number of 4 KiB pages"),
    ("-m 100B", "whole number of 4 KiB pages"),
    ("-m 1G,slots=2", "'slots' is QEMU's, but not supported"),
    ("-M sifive_u", "machine 'sifive_u' is QEMU's, but not supported by rvgdb"),
    ("-M vrit", "did you mean 'virt'?"),
    ("-M virt,aia=aplic", "property 'aia' is QEMU's, but not supported"),
    ("-M virt,dumpdbt=x", "did you mean 'dumpdtb'?"),
    ("-M virt,aclint=maybe", "'aclint' takes on or off, not 'maybe'"),
    ("-M virt,aclint=on", "aclint=on is not supported"),
    ("-M virt,,x=1", "property 'virt,x' is unknown"),
    ("-M virt,", "empty item"),
    ("-accel hvf", "accelerator 'hvf' is QEMU's, but not supported by rvgdb; supported: tcg, kvm"),
    ("-accel kvm,kernal=linux-6.13", "did you mean 'kernel'?"),
    ("-accel kvm,riscv-aia=auto", "'riscv-aia' is QEMU's"),
    ("-incoming tcp:0:4444", "guests move through files only; write -incoming FILE"),
    ("-incoming defer", "guests move through files only"),
    ("-incoming file:", "the name of a file is needed"),
    ("-accel kvm,sbi-v01=maybe", "'sbi-v01' takes on or off"),
    ("-accel tgc", "did you mean 'tcg'?"),
    ("-accel tcg,thread=multi", "write thread=single"),
    ("-accel tcg,tb-size=3", "'tb-size' is QEMU's"),
    ("-cpu rv64,", "empty item"),
    ("-smp 0", "a number from 1 to 512 is needed, not '0'"),
    ("-smp x", "not 'x'"),
    ("-smp 513", "from 1 to 512"),
    ("-smp 4,cores=3", "makes 3 harts, not 4"),
    ("-smp 2,maxcpus=4", "maxcpus must equal cpus"),
    ("-smp 2,dies=1", "'dies' is QEMU's"),
    ("-device virtio-net-device", "device 'virtio-net-device' is QEMU's"),
    ("-device loder", "did you mean 'loader'?"),
    ("-display gtk", "display 'gtk' is QEMU's"),
    ("-serial pty", "'pty' is a QEMU device that rvgdb lacks"),
    ("-serial foo", "'foo' is not a character device"),
    ("-serial null -serial null", "one serial port"),
    ("-serial tcp:99", "has no port"),
    ("-serial tcp::x", "port: a number from 0 to 65535"),
    ("-serial tcp::1,sever=on", "did you mean 'server'?"),
    ("-serial file:", "path is missing"),
    ("-serial unix:", "path of the socket is missing"),
    ("-monitor tcp::1", "use none, stdio"),
    ("-gdb foo", "use tcp:[HOST]:PORT, unix:PATH, stdio, none"),
    ("-gdb tcp::1 -s", "one debug port"),
    ("-gdb tcp::1,on-disconnect=die", "halt or continue, not 'die'"),
    ("-gdb tcp::1,on-disconect=halt", "did you mean 'on-disconnect'?"),
    ("-gdb tcp::1,allow=host.example", "this is no address and no range"),
    ("-gdb tcp::1,allow=127.0.0.1/33", "this is no address and no range"),
    ("-gdb tcp::1,allow=::1,memorymap", "allow=memorymap"),
    ("-gdb unix:/g,allow=127.0.0.1", "allow= is for TCP"),
    ("-gdb stdio,allow=127.0.0.1", "allow= is for TCP"),
    ("-gdb tcp::70000", "from 0 to 65535"),
    ("-icount shift=11", "from 0 to 10"),
    ("-icount auto,sleep=off", "exclude each other"),
    ("-icount 1,rr=record", "'rr' is QEMU's"),
    ("-icount 1,align=on", "align=on is not supported"),
    ("-d mmu", "log item 'mmu' is QEMU's"),
    ("-d in_ams", "did you mean 'in_asm'?"),
    ("-serial stdio -monitor stdio", "-serial and -monitor"),
    ("-serial stdio -gdb stdio", "-serial and -gdb"),
    ("-monitor stdio -gdb stdio", "-monitor and -gdb"),
]

TOPICS = [
    ("-h", Topic.OPTIONS),
    ("--help", Topic.OPTIONS),
    ("-version", Topic.VERSION),
    ("-machine help", Topic.MACHINES),
    ("-M ?", Topic.MACHINES),
    ("-cpu help", Topic.CPUS),
    ("-d help", Topic.LOG_ITEMS),
    ("-device help", Topic.DEVICES),
    ("-accel help", Topic.ACCELERATORS),
]


@pytest.mark.parametrize(("line", "expected"), MEANINGS)
def test_an_option_means_what_it_means_to_qemu(line: str, expected: dict[str, object]) -> None:
    """Each line changes exactly the named settings."""
    plain = {"serial": Stdio(monitor=True)}
    assert parse(line.split()) == RunSettings(**{**plain, **expected})  # type: ignore[arg-type]


@pytest.mark.parametrize(("line", "expected"), MEANINGS)
def test_two_dashes_are_one(line: str, expected: dict[str, object]) -> None:
    """`--opt` is `-opt`."""
    words = [f"-{word}" if word.startswith("-") else word for word in line.split()]
    assert parse(words) == parse(line.split())


@pytest.mark.parametrize(("line", "text"), ERRORS)
def test_an_error_names_the_thing_and_what_to_do(line: str, text: str) -> None:
    """Bad words are refused with one line."""
    with pytest.raises(OptionError) as caught:
        parse(line.split())
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("line", "topic"), TOPICS)
def test_a_question_is_answered_instead_of_running(line: str, topic: Topic) -> None:
    """Help words end the parsing with a topic."""
    assert parse(line.split()) is topic


def test_every_option_is_in_the_help() -> None:
    """The help text comes from the rows, and no row hides."""
    text = help_text()
    for row in OPTIONS:
        assert all(f"-{name}" in text for name in row.names)


def test_an_option_is_either_ours_or_foreign() -> None:
    """A name that a row serves is not also listed as unsupported, and no name occurs twice."""
    ours = [name for row in OPTIONS for name in row.names]
    assert len(ours) == len(set(ours))
    assert not set(ours) & qemu_names.OPTIONS


def test_every_row_is_covered_here() -> None:
    """No option goes without a line in this file."""
    used = {word[1:] for line, _ in MEANINGS for word in line.split() if word.startswith("-")}
    used |= {line.split()[0].lstrip("-") for line, _ in TOPICS}
    assert all(used & set(row.names) for row in OPTIONS)
