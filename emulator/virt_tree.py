"""The device tree of the `virt` board: QEMU 11.1's nodes, properties and order, without the devices that we lack."""

from __future__ import annotations

from emulator.clock import TICKS_PER_SECOND
from emulator.config import MachineConfig
from emulator.devices.finisher import PASS, RESET
from emulator.devices.interrupts import MEIP, MSIP, MTIP, SEIP
from emulator.devices.plic import SOURCES
from emulator.devicetree import DeviceTree, Node, cells, strings, wide
from emulator.isa.extensions import CpuConfig
from emulator.virt_map import CLINT, PLIC, RAM_BASE, RTC, RTC_IRQ, TEST, UART, UART_CLOCK, UART_IRQ, Region

SERIAL_PATH = f"/soc/serial@{UART.base:x}"

_BLOCK_SIZES = {"zicbop": "riscv,cbop-block-size", "zicboz": "riscv,cboz-block-size", "zicbom": "riscv,cbom-block-size"}
_BLOCK_SIZE = 64


class _Handles:
    """The handles by which nodes refer to each other, numbered as QEMU numbers them: last hart first."""

    def __init__(self, harts: int) -> None:
        self.cpu = [2 * (harts - hart) - 1 for hart in range(harts)]
        self.cpu_interrupts = [handle + 1 for handle in self.cpu]
        self.plic = 2 * harts + 1
        self.test = 2 * harts + 2

    def wires(self, *causes: int) -> bytes:
        """`interrupts-extended` of a controller that drives these causes on every hart."""
        return cells(*(cell for handle in self.cpu_interrupts for cause in causes for cell in (handle, cause)))


def build_tree(config: MachineConfig, *, hosted: bool = False) -> DeviceTree:
    """The board's tree, with what does not depend on loaded images; without M-mode and its CLINT if `hosted`."""
    handles = _Handles(config.harts)
    root = Node(
        "",
        {
            "#address-cells": cells(2),
            "#size-cells": cells(2),
            "compatible": strings("riscv-virtio"),
            "model": strings("riscv-virtio,qemu"),
        },
    )
    _add_syscon(root, "poweroff", PASS, handles)
    _add_syscon(root, "reboot", RESET, handles)
    root.add(f"memory@{RAM_BASE:x}", device_type=strings("memory"), reg=wide(RAM_BASE, config.ram_size))
    _add_cpus(root, config, handles)
    root.add("aliases", serial0=strings(SERIAL_PATH))
    chosen = root.add("chosen")
    if config.rng_seed:
        chosen.properties["rng-seed"] = config.rng_seed
    chosen.properties["stdout-path"] = strings(SERIAL_PATH)
    _add_soc(root, handles, hosted)
    return DeviceTree(root=root)


def patch_chosen(tree: DeviceTree, *, append: str, initrd: tuple[int, int] | None) -> None:
    """Tell the kernel its command line and its initial RAM disk.

    Args:
        tree: Changed in place; gets a `/chosen` if it has none.
        append: Command line; an empty one leaves the tree's own.
        initrd: First address and the one behind the last, or None.
    """
    chosen = tree.root.child("chosen") or tree.root.add("chosen")
    if append:
        chosen.properties["bootargs"] = strings(append)
    if initrd is not None:
        chosen.properties["linux,initrd-start"] = wide(initrd[0])
        chosen.properties["linux,initrd-end"] = wide(initrd[1])


def _add_syscon(root: Node, name: str, value: int, handles: _Handles) -> None:
    root.add(
        name,
        value=cells(value),
        offset=cells(0),
        regmap=cells(handles.test),
        compatible=strings(f"syscon-{name}"),
    )


def _add_cpus(root: Node, config: MachineConfig, handles: _Handles) -> None:
    cpus = root.add("cpus")
    cpus.properties |= {
        "#address-cells": cells(1),
        "#size-cells": cells(0),
        "timebase-frequency": cells(TICKS_PER_SECOND),
    }
    for hart in range(config.harts):
        cpu = cpus.add(f"cpu@{hart:x}")
        cpu.properties |= {
            "phandle": cells(handles.cpu[hart]),
            "device_type": strings("cpu"),
            "reg": cells(hart),
            "status": strings("okay"),
            "compatible": strings("riscv"),
            **_cpu_features(config.cpu),
        }
        cpu.add("interrupt-controller").properties |= {
            "#interrupt-cells": cells(1),
            "interrupt-controller": b"",
            "compatible": strings("riscv,cpu-intc"),
            "phandle": cells(handles.cpu_interrupts[hart]),
        }
    cluster = cpus.add("cpu-map").add("cluster0")
    for hart in range(config.harts):
        cluster.add(f"core{hart}", cpu=cells(handles.cpu[hart]))


def _cpu_features(cpu: CpuConfig) -> dict[str, bytes]:
    sizes = {name: cells(_BLOCK_SIZE) for extension, name in _BLOCK_SIZES.items() if extension in cpu.isa_extensions}
    return {
        **sizes,
        "riscv,isa-extensions": strings(*cpu.isa_extensions),
        "riscv,isa-base": strings(cpu.isa_base),
        "riscv,isa": strings(cpu.isa),
        "mmu-type": strings(cpu.mmu_type),
    }


def _add_soc(root: Node, handles: _Handles, hosted: bool) -> None:
    soc = root.add("soc")
    soc.properties |= {
        "#address-cells": cells(2),
        "#size-cells": cells(2),
        "compatible": strings("simple-bus"),
        "ranges": b"",
    }
    _add_device(soc, "rtc", RTC, "google,goldfish-rtc", **_interrupt(RTC_IRQ, handles))
    serial = _add_device(soc, "serial", UART, "ns16550a", **_interrupt(UART_IRQ, handles))
    serial.properties["clock-frequency"] = cells(UART_CLOCK)
    test = _add_device(soc, "test", TEST, "sifive,test1", "sifive,test0", "syscon")
    test.properties["phandle"] = cells(handles.test)
    plic = _add_device(soc, "interrupt-controller", PLIC, "sifive,plic-1.0.0", "riscv,plic0")
    plic.properties |= {
        "phandle": cells(handles.plic),
        "riscv,ndev": cells(SOURCES - 1),
        "interrupts-extended": handles.wires(SEIP) if hosted else handles.wires(MEIP, SEIP),
        "interrupt-controller": b"",
        "#address-cells": cells(0),
        "#interrupt-cells": cells(1),
    }
    if hosted:
        return
    clint = _add_device(soc, "clint", CLINT, "sifive,clint0", "riscv,clint0")
    clint.properties["interrupts-extended"] = handles.wires(MSIP, MTIP)


def _add_device(soc: Node, name: str, region: Region, *compatible: str, **properties: bytes) -> Node:
    node = soc.add(f"{name}@{region.base:x}")
    node.properties |= {**properties, "reg": wide(region.base, region.size), "compatible": strings(*compatible)}
    return node


def _interrupt(source: int, handles: _Handles) -> dict[str, bytes]:
    return {"interrupts": cells(source), "interrupt-parent": cells(handles.plic)}
