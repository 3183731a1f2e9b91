"""Names a QEMU user may type that rvgdb does not serve, so that an error can say "QEMU's, but not supported".

Data only; changes when QEMU grows options. Source: `qemu-system-riscv64 --help` of 7.2 and 10.0.
"""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPTIONS: Final = _names("""
    action add-fd async-teardown audio audio-help audiodev blockdev boot cdrom chardev chroot compat daemonize debugcon
    dfilter drive dump-vmstate echr enable-sync-profile fda fdb fsdev full-screen fw_cfg global hda hdb hdc
    hdd iscsi k loadvm mem-path mem-prealloc mon msg mtdblock name net netdev nic no-fd-bootchk no-hpet
    no-shutdown no-user-config nodefaults numa object only-migratable option-rom overcommit parallel perfmap pflash
    pidfile plugin portrait preconfig prom-env qmp qmp-pretty qtest qtest-log readconfig rotate rtc run-with runas
    sandbox sd semihosting semihosting-config set singlestep smbios snapshot spice tpmdev trace usb usbdevice uuid
    vga virtfs vnc watchdog watchdog-action win2k-hack writeconfig xen-attach xen-domid
    """)

TAKE_NO_ARGUMENT: Final = _names("""
    async-teardown audio-help daemonize enable-sync-profile full-screen mem-prealloc no-fd-bootchk no-hpet
    no-shutdown no-user-config nodefaults only-migratable portrait preconfig semihosting singlestep snapshot usb
    win2k-hack
    """)
"""Of `OPTIONS`, those that stand alone."""

MACHINES: Final = _names(
    "amd-microblaze-v-generic microchip-icicle-kit none shakti_c sifive_e sifive_u spike xiangshan-kunminghu"
)

MACHINE_PROPERTIES: Final = _names("""
    acpi aclint aia aia-guests confidential-guest-support dt-compatible dtb dump-guest-core dumpdtb firmware
    graphics initrd iommu-sys kernel mem-merge memory-backend memory-encryption pflash0 pflash1 phandle-start
    smp suppress-vmdesc usb x-oem-id x-oem-table-id
    """)

ACCELERATORS: Final = _names("hvf mshv nvmm qtest whpx xen")

ACCELERATOR_PROPERTIES: Final = _names(
    "device dirty-ring-size eager-split-size honor-guest-pat igd-passthru kernel-irqchip kvm-shadow-mem notify-vmexit "
    "one-insn-per-tb riscv-aia split-wx tb-size thread xen-version"
)

CHARACTER_DEVICES: Final = _names(
    "braille chardev con dbus file fifo hub memory msmouse mux null parallel pipe pty qemu-vdagent ringbuf serial "
    "spiceport spicevmc stdio tcp telnet testdev tn3270 tty udp unix vc websocket wctablet"
)

DEVICES: Final = _names(
    "e1000e edu ide-hd nvme pci-testdev qemu-xhci riscv-iommu-pci virtio-9p-device virtio-9p-pci virtio-blk-device "
    "virtio-blk-pci virtio-console virtio-gpu-device virtio-gpu-pci virtio-keyboard-device virtio-net-device "
    "virtio-net-pci virtio-rng-device virtio-rng-pci virtio-scsi-device virtio-serial-device"
)

DISPLAYS: Final = _names("cocoa curses dbus egl-headless gtk sdl spice-app vnc")

LOG_ITEMS: Final = _names(
    "cpu_reset fpu invalid_mem mmu nochain op op_ind op_opt op_plugin out_asm page pcall plugin strace tid vpu"
)
