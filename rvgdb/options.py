"""QEMU's command line, one row an option: what `rvgdb run` understands and how each word is read.

Everything that a user can type after `rvgdb run` is a row of `OPTIONS`; the help text, the errors' suggestions and the
parser come from the rows. A row's reader gets the words and the draft of the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

from rvgdb import qemu_names
from rvgdb.chardev import (
    CharDevice,
    NoDevice,
    Null,
    Stdio,
    Tcp,
    Unix,
    parse_device,
    parse_tcp,
    parse_unix,
    unknown_device,
)
from rvgdb.errors import OptionError
from rvgdb.keyvals import key_values, nearest, number, only_keys, size, switch
from rvgdb.migrating import state_file
from rvgdb.peers import EVERYBODY, parse_allowed
from rvgdb.settings import (
    GDB_PORT,
    GdbOption,
    IcountOption,
    KvmOption,
    OnDisconnect,
    Request,
    RunSettings,
    Topic,
)

LOG_ITEMS: Final[Mapping[str, str]] = {
    "in_asm": "guest instructions, disassembled when they are first met",
    "int": "every trap and interrupt taken",
    "exec": "every run of instructions (a lot)",
    "cpu": "registers before every run of instructions (a lot)",
    "guest_errors": "things the guest does that hardware leaves undefined",
    "unimp": "things the guest asks for that rvgdb does not have",
}
"""What `-d` can show: QEMU's name and the help line."""

MAX_HARTS = 512
"""As many as QEMU's virt board takes."""


@dataclass(slots=True)
class Draft:
    """The settings while the words are read."""

    chosen: dict[str, Any] = field(default_factory=dict)
    loaders: list[str] = field(default_factory=list)
    serial: CharDevice | None = None
    monitor: Stdio | NoDevice | None = None
    nographic: bool = False
    display_none: bool = False
    answer: Topic | None = None


Reader: TypeAlias = Callable[[Draft, str, str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One option.

    Attributes:
        names: QEMU's spellings, without dashes, the usual one first.
        argument: Placeholder of its argument in the help, empty when it stands alone.
        help: One line.
        read: Puts the argument (empty when it stands alone) into the draft; its second argument is the option as typed.
    """

    names: tuple[str, ...]
    argument: str
    help: str
    read: Reader


def _refuse(option: str, kind: str, name: str, ours: Sequence[str], qemus: frozenset[str]) -> NoReturn:
    """Raise the error for a machine, accelerator, … that is not one of `ours`."""
    which = "QEMU's, but not supported by rvgdb" if name in qemus else "unknown"
    raise OptionError(f"{option}: {kind} '{name}' is {which}{nearest(name, ours)}; supported: {', '.join(ours)}")


def _read_machine(draft: Draft, option: str, text: str) -> None:
    found = key_values(option, text, implied="type")
    name = found.pop("type", "virt")
    if name in ("help", "?"):
        draft.answer = Topic.MACHINES
        return
    if name != "virt":
        _refuse(option, "machine", name, ("virt",), qemu_names.MACHINES)
    only_keys(f"{option} virt", found, ("dumpdtb", "dtb", "aclint", "accel"), qemu_names.MACHINE_PROPERTIES)
    if "dumpdtb" in found:
        draft.chosen["dump_dtb"] = Path(found["dumpdtb"])
    if "dtb" in found:
        draft.chosen["dtb"] = Path(found["dtb"])
    if switch(option, "aclint", found.get("aclint", "off")):
        raise OptionError(f"{option}: aclint=on is not supported; leave it out to have QEMU's default, the CLINT")
    if "accel" in found:
        _read_accel(draft, option, found["accel"])


def _read_accel(draft: Draft, option: str, text: str) -> None:
    found = key_values(option, text, implied="accel")
    name = found.pop("accel", "tcg")
    if name in ("help", "?"):
        draft.answer = Topic.ACCELERATORS
        return
    if name == "kvm":
        draft.chosen["kvm"] = _kvm(option, found)
        return
    if name != "tcg":
        _refuse(option, "accelerator", name, ("tcg", "kvm"), qemu_names.ACCELERATORS)
    draft.chosen["kvm"] = None
    only_keys(f"{option} tcg", found, ("thread",), qemu_names.ACCELERATOR_PROPERTIES)
    if found.get("thread", "single") != "single":
        raise OptionError(f"{option}: thread={found['thread']} is not supported, harts take turns; write thread=single")


def _kvm(option: str, found: dict[str, str]) -> KvmOption:
    """What `-accel kvm` says; the emulator knows the kernels and the ISA."""
    only_keys(f"{option} kvm", found, ("kernel", "host-isa", "sbi-v01"), qemu_names.ACCELERATOR_PROPERTIES)
    legacy = switch(f"{option} kvm", "sbi-v01", found.get("sbi-v01", "off"))
    return KvmOption(kernel=found.get("kernel"), host_isa=found.get("host-isa"), legacy_sbi=legacy)


def _read_incoming(draft: Draft, option: str, text: str) -> None:
    draft.chosen["incoming"] = state_file(option, text)


def _read_enable_kvm(draft: Draft, option: str, text: str) -> None:
    draft.chosen["kvm"] = KvmOption()


def _read_cpu(draft: Draft, option: str, text: str) -> None:
    if text in ("help", "?"):
        draft.answer = Topic.CPUS
        return
    key_values(option, text, implied="name")  # syntax only: the emulator knows the models and their properties
    draft.chosen["cpu"] = text


def _read_smp(draft: Draft, option: str, text: str) -> None:
    found = key_values(option, text, implied="cpus")
    parts = ("sockets", "clusters", "cores", "threads")
    only_keys(option, found, ("cpus", "maxcpus", *parts), ("books", "dies", "drawers", "modules"))
    product = 1
    for part in parts:
        product *= number(f"{option}: {part}", found.get(part, "1"), 1, MAX_HARTS)
    harts = number(option, found.get("cpus", str(product)), 1, MAX_HARTS)
    if any(part in found for part in parts) and product != harts:
        raise OptionError(f"{option} {text}: the topology makes {product} harts, not {harts}; write {option} {harts}")
    if number(option, found.get("maxcpus", str(harts)), 1, MAX_HARTS) != harts:
        raise OptionError(f"{option} {text}: harts cannot be added later; maxcpus must equal cpus")
    draft.chosen["harts"] = harts


def _read_memory(draft: Draft, option: str, text: str) -> None:
    found = key_values(option, text, implied="size")
    only_keys(option, found, ("size",), ("slots", "maxmem"))
    ram = size(option, found["size"], default_scale="m")
    if ram == 0 or ram % 4096:
        raise OptionError(f"{option} {text}: the size must be a whole number of 4 KiB pages and not 0")
    draft.chosen["ram_size"] = ram


def _read_seed(draft: Draft, option: str, text: str) -> None:
    draft.chosen["seed"] = number(option, text, 0, (1 << 64) - 1)


def _path(key: str) -> Reader:
    def read(draft: Draft, option: str, text: str) -> None:
        if not text:
            raise OptionError(f"{option}: the name of a file is needed")
        draft.chosen[key] = Path(text)

    return read


def _text(key: str) -> Reader:
    def read(draft: Draft, option: str, text: str) -> None:
        draft.chosen[key] = text

    return read


def _flag(key: str) -> Reader:
    def read(draft: Draft, option: str, text: str) -> None:
        draft.chosen[key] = True

    return read


def _topic(topic: Topic) -> Reader:
    def read(draft: Draft, option: str, text: str) -> None:
        draft.answer = topic

    return read


def _read_device(draft: Draft, option: str, text: str) -> None:
    driver = key_values(option, text, implied="driver").get("driver", "")
    if driver in ("help", "?"):
        draft.answer = Topic.DEVICES
        return
    if driver != "loader":
        _refuse(option, "device", driver, ("loader",), qemu_names.DEVICES)
    draft.loaders.append(text.partition(",")[2])


def _read_display(draft: Draft, option: str, text: str) -> None:
    name = text.partition(",")[0]
    if name != "none":
        _refuse(option, "display", name, ("none",), qemu_names.DISPLAYS)
    draft.display_none = True


def _read_nographic(draft: Draft, option: str, text: str) -> None:
    draft.nographic = True


def _read_serial(draft: Draft, option: str, text: str) -> None:
    if draft.serial is not None:
        raise OptionError(f"{option} {text}: the board has one serial port and it is taken; write {option} once")
    draft.serial = parse_device(option, text)


def _read_monitor(draft: Draft, option: str, text: str) -> None:
    if text not in ("none", "stdio", "mon:stdio", "null"):
        raise unknown_device(option, text, ("none", "stdio"))
    draft.monitor = Stdio() if text.endswith("stdio") else NoDevice()


def _read_gdb(draft: Draft, option: str, text: str) -> None:
    if draft.chosen.get("gdb") is not None:
        raise OptionError(f"{option}: there is one debug port; write -s or -gdb once")
    kind, _, rest = text.partition(":")
    bare, _, properties = text.partition(",")
    device: Tcp | Unix | Stdio | NoDevice
    if bare == "none":
        device, left = NoDevice(), {}
    elif bare in ("stdio", "mon:stdio"):
        device, left = Stdio(), key_values(option, properties) if properties else {}
    elif kind == "tcp":
        device, left = parse_tcp(option, rest)
    elif kind == "unix":
        device, left = parse_unix(option, rest)
    else:
        raise unknown_device(option, text, ("tcp:[HOST]:PORT", "unix:PATH", "stdio", "none"))
    only_keys(option, left, ("on-disconnect", "memory-map", "allow"))
    if "allow" in left and not isinstance(device, Tcp):
        raise OptionError(f"{option}: allow= is for TCP; a Unix socket is its owner's alone, by its mode")
    allowed = parse_allowed(option, left["allow"]) if "allow" in left else EVERYBODY
    memory_map = switch(option, "memory-map", left.get("memory-map", "off"))
    after = OnDisconnect.AS_IT_WAS
    if "on-disconnect" in left:
        if left["on-disconnect"] not in ("halt", "continue"):
            raise OptionError(f"{option}: on-disconnect takes halt or continue, not '{left['on-disconnect']}'")
        after = OnDisconnect(left["on-disconnect"])
    debug_port = None if isinstance(device, NoDevice) else GdbOption(device, after, memory_map, allowed)
    draft.chosen["gdb"] = debug_port


def _read_short_gdb(draft: Draft, option: str, text: str) -> None:
    _read_gdb(draft, option, f"tcp::{GDB_PORT}")


def _read_icount(draft: Draft, option: str, text: str) -> None:
    found = key_values(option, text, implied="shift")
    only_keys(option, found, ("shift", "sleep", "align"), ("rr", "rrfile", "rrsnapshot"))
    if switch(option, "align", found.get("align", "off")):
        raise OptionError(f"{option}: align=on is not supported; leave it out")
    sleep = switch(option, "sleep", found.get("sleep", "on"))
    word = found.get("shift", "auto")
    if word == "auto" and not sleep:
        raise OptionError(f"{option}: shift=auto and sleep=off exclude each other, as in QEMU; write shift=0,sleep=off")
    draft.chosen["icount"] = IcountOption(None if word == "auto" else number(f"{option}: shift", word, 0, 10), sleep)


def _read_log(draft: Draft, option: str, text: str) -> None:
    if text in ("help", "?"):
        draft.answer = Topic.LOG_ITEMS
        return
    items = text.split(",")
    for item in items:
        if item not in LOG_ITEMS:
            _refuse(option, "log item", item, tuple(LOG_ITEMS), qemu_names.LOG_ITEMS)
    draft.chosen["log_items"] = tuple(dict.fromkeys((*draft.chosen.get("log_items", ()), *items)))


OPTIONS: Final = (
    Row(("h", "help"), "", "show this help", _topic(Topic.OPTIONS)),
    Row(("version",), "", "show the version", _topic(Topic.VERSION)),
    Row(("machine", "M"), "virt[,prop=value]", "the board; 'help' lists; dumpdtb=FILE writes the tree", _read_machine),
    Row(
        ("accel",),
        "tcg|kvm[,kernel=K][,host-isa=ISA]",
        "the bare machine, or a guest of the emulated KVM; 'help' lists",
        _read_accel,
    ),
    Row(("enable-kvm",), "", "shorthand for -accel kvm", _read_enable_kvm),
    Row(("cpu",), "MODEL[,ext=on|off]", "the hart's instruction set; 'help' lists; under KVM 'host'", _read_cpu),
    Row(("smp",), "N", "number of harts (also cpus=N)", _read_smp),
    Row(("m",), "SIZE", "RAM, in MiB or with a suffix: 128M, 1G", _read_memory),
    Row(("bios",), "none|FILE", "firmware; none starts the kernel in M-mode", _text("bios")),
    Row(("kernel",), "FILE", "program or kernel, ELF or raw", _path("kernel")),
    Row(("initrd",), "FILE", "initial RAM disk, named in the device tree", _path("initrd")),
    Row(("append",), "TEXT", "the kernel's command line", _text("append")),
    Row(("seed",), "N", "what the harts' entropy source (CSR seed) starts from", _read_seed),
    Row(("dtb",), "FILE", "use this device tree instead of the board's", _path("dtb")),
    Row(
        ("device",),
        "loader,…",
        "load file=F[,addr=A], store addr=A,data=V,data-len=N, or addr=A,cpu-num=N",
        _read_device,
    ),
    Row(("nographic",), "", "serial port and monitor share the terminal (Ctrl-a h for help)", _read_nographic),
    Row(("display",), "none", "no display, and nothing on the terminal unless -serial says so", _read_display),
    Row(("serial",), "DEV", "stdio, mon:stdio, null, none, file:PATH, tcp:HOST:PORT, unix:PATH", _read_serial),
    Row(("monitor",), "none|stdio", "where the monitor is", _read_monitor),
    Row(("s",), "", f"shorthand for -gdb tcp::{GDB_PORT} (loopback only)", _read_short_gdb),
    Row(("S",), "", "do not start the harts; a debugger or the monitor does", _flag("start_stopped")),
    Row(
        ("gdb",),
        "DEV",
        "tcp:[HOST]:PORT, unix:PATH, stdio or none [,on-disconnect=halt|continue][,memory-map=on][,allow=CIDR,…]",
        _read_gdb,
    ),
    Row(("incoming",), "FILE", "go on with a guest of the emulated KVM that 'migrate' has saved", _read_incoming),
    Row(("no-reboot",), "", "end when the guest asks for a reset", _flag("no_reboot")),
    Row(("icount",), "shift=N|auto[,sleep=on|off]", "guest time per instruction, and pacing", _read_icount),
    Row(("d",), "ITEM,…", "log what the machine does; 'help' lists", _read_log),
    Row(("D",), "FILE", "where the log goes instead of stderr", _path("log_file")),
)

_BY_NAME: Final = {name: row for row in OPTIONS for name in row.names}


def _row_of(word: str) -> Row:
    """The row a word such as `-smp` or `--smp` names.

    Raises:
        OptionError: Saying whether it is QEMU's at all, and the nearest one that is supported.
    """
    name = word[2:] if word.startswith("--") else word[1:]
    row = _BY_NAME.get(name)
    if row is not None:
        return row
    close = nearest(name, _BY_NAME).replace("'", "").replace("mean ", "mean -")
    if name in qemu_names.OPTIONS:
        raise OptionError(
            f"{word}: this option of QEMU's is not supported by rvgdb{close}; 'rvgdb run -h' lists those that are"
        )
    raise OptionError(f"{word}: invalid option{close}; 'rvgdb run -h' lists the options")


def parse(words: Sequence[str]) -> Request:
    """Read a `rvgdb run` command line.

    Args:
        words: What follows `run`.

    Returns:
        The settings, or the topic that the user asked about instead.

    Raises:
        OptionError: One sentence naming the option and what to do.
    """
    draft = Draft()
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word in ("-", "--"):
            raise OptionError(
                f"'{word}': this is not an option and rvgdb has no disks; to run a program write -kernel {word}"
            )
        row = _row_of(word)
        argument = ""
        if row.argument:
            following = next(rest, None)
            if following is None:
                raise OptionError(f"{word}: an argument is needed: {word} {row.argument}")
            argument = following
        row.read(draft, word, argument)
        if draft.answer is not None:
            return draft.answer
    return _finish(draft)


def _finish(draft: Draft) -> RunSettings:
    """Settle who owns the terminal, as QEMU's defaults do, and refuse two owners.

    Without any of -nographic, -display and -serial rvgdb behaves as with -nographic: it has no window to open.
    """
    gdb = draft.chosen.get("gdb")
    gdb_on_stdio = gdb is not None and isinstance(gdb.device, Stdio)
    monitor = draft.monitor if isinstance(draft.monitor, Stdio) else None
    serial = draft.serial
    if serial is None:
        if monitor is not None or gdb_on_stdio or (draft.display_none and not draft.nographic):
            serial = Null()
        else:
            serial = Stdio(monitor=draft.monitor is None)
    owners = [
        name
        for name, uses in (
            ("-serial", isinstance(serial, Stdio)),
            ("-monitor", monitor is not None),
            ("-gdb", gdb_on_stdio),
        )
        if uses
    ]
    if len(owners) > 1:
        raise OptionError(
            f"stdio cannot be used by both {' and '.join(owners)}; write {owners[0]} null or another device"
        )
    return RunSettings(**draft.chosen, loaders=tuple(draft.loaders), serial=serial, monitor=monitor)


def help_text() -> str:
    """The list of options, from the rows."""
    lines = ["usage: rvgdb run [options]", "", "Options are QEMU's; -opt and --opt are the same.", ""]
    for row in OPTIONS:
        names = " or ".join(f"-{name}" for name in row.names)
        lines.append(f"  {names} {row.argument}".rstrip())
        lines.append(f"        {row.help}")
    return "\n".join(lines)
