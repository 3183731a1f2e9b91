"""SBI calls in words: extensions, functions, arguments and errors by the names of the SBI specification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.kvm.sbi.errors import SbiError
from emulator.kvm.sbi.ranges import LEGACY, find_extension

if TYPE_CHECKING:
    from emulator.kvm.journal import CallRecord
    from emulator.kvm.sbi.call import SbiCall

FUNCTIONS: Final = {
    "v01": (
        "set_timer stime_value",
        "console_putchar ch",
        "console_getchar",
        "clear_ipi",
        "send_ipi hart_mask",
        "remote_fence_i hart_mask",
        "remote_sfence_vma hart_mask start size",
        "remote_sfence_vma_asid hart_mask start size asid",
        "shutdown",
    ),
    "base": (
        "get_spec_version",
        "get_impl_id",
        "get_impl_version",
        "probe_extension extension_id",
        "get_mvendorid",
        "get_marchid",
        "get_mimpid",
    ),
    "time": ("set_timer stime_value",),
    "ipi": ("send_ipi hart_mask hart_mask_base",),
    "rfence": (
        "remote_fence_i hart_mask hart_mask_base",
        "remote_sfence_vma hart_mask hart_mask_base start_addr size",
        "remote_sfence_vma_asid hart_mask hart_mask_base start_addr size asid",
        "remote_hfence_gvma_vmid hart_mask hart_mask_base start_addr size vmid",
        "remote_hfence_gvma hart_mask hart_mask_base start_addr size",
        "remote_hfence_vvma_asid hart_mask hart_mask_base start_addr size asid",
        "remote_hfence_vvma hart_mask hart_mask_base start_addr size",
    ),
    "hsm": (
        "hart_start hartid start_addr opaque",
        "hart_stop",
        "hart_get_status hartid",
        "hart_suspend suspend_type resume_addr opaque",
    ),
    "srst": ("system_reset reset_type reset_reason",),
    "pmu": (
        "num_counters",
        "counter_get_info counter_idx",
        "counter_config_matching counter_idx_base counter_idx_mask config_flags event_idx event_data",
        "counter_start counter_idx_base counter_idx_mask start_flags initial_value",
        "counter_stop counter_idx_base counter_idx_mask stop_flags",
        "counter_fw_read counter_idx",
        "counter_fw_read_hi counter_idx",
        "snapshot_set_shmem shmem_phys_lo shmem_phys_hi flags",
        "event_get_info shmem_phys_lo shmem_phys_hi num_entries flags",
    ),
    "dbcn": (
        "console_write num_bytes base_addr_lo base_addr_hi",
        "console_read num_bytes base_addr_lo base_addr_hi",
        "console_write_byte byte",
    ),
    "susp": ("system_suspend sleep_type resume_addr opaque",),
    "sta": ("steal_time_set_shmem shmem_phys_lo shmem_phys_hi flags",),
    "fwft": ("set feature value flags", "get feature"),
}
"""By extension: each function's name and its arguments' names, in order of the functions' ids."""

VALUES: Final = {
    ("srst", "reset_type"): {0: "SHUTDOWN", 1: "COLD_REBOOT", 2: "WARM_REBOOT"},
    ("srst", "reset_reason"): {0: "NO_REASON", 1: "SYSTEM_FAILURE"},
    ("hsm", "suspend_type"): {0: "RETENTIVE", 0x8000_0000: "NON_RETENTIVE"},
    ("susp", "sleep_type"): {0: "SUSPEND_TO_RAM"},
    ("fwft", "flags"): {1: "LOCK"},
    ("fwft", "feature"): {
        0: "MISALIGNED_EXC_DELEG",
        1: "LANDING_PAD",
        2: "SHADOW_STACK",
        3: "DOUBLE_TRAP",
        4: "PTE_AD_HW_UPDATING",
        5: "POINTER_MASKING_PMLEN",
    },
}
"""Names of values, by extension and argument."""

STATUS: Final = {
    0: "STARTED",
    1: "STOPPED",
    2: "START_PENDING",
    3: "STOP_PENDING",
    4: "SUSPENDED",
    5: "SUSPEND_PENDING",
    6: "RESUME_PENDING",
}
"""What `hart_get_status` answers."""
ERRORS: Final = {int(error) & (1 << 64) - 1: error.name for error in SbiError}


def call_text(call: SbiCall) -> str:
    """A call as it would be written in C: `fwft.set(feature=POINTER_MASKING_PMLEN, value=7, flags=0)`."""
    name = find_extension(call.extension)
    number = call.extension if call.extension in LEGACY else call.function
    known = FUNCTIONS.get(name or "", ())
    if name is None or number >= len(known):
        args = ", ".join(f"{arg:#x}" for arg in call.args)
        return f"{name or f'extension {call.extension:#x}'}, function {call.function} ({args})"
    function, *arguments = known[number].split()
    args = ", ".join(
        f"{title}={_value(name, title, value)}" for title, value in zip(arguments, call.args, strict=False)
    )
    return f"{name}.{function}({args})"


def _value(extension: str, argument: str, value: int) -> str:
    if (extension, argument) == ("base", "extension_id"):
        named = find_extension(value)
        return f"{value:#x}" if named is None else named.upper()
    return VALUES.get((extension, argument), {}).get(value, f"{value:#x}" if value > 9 else str(value))


def answer_text(record: CallRecord) -> str:
    """What a call got: `SUCCESS, value 7`."""
    if record.answer is None:
        return "no answer: the guest was left" if not record.by_user_space else "no answer yet"
    error, value = (part & (1 << 64) - 1 for part in record.answer)
    if record.call.extension in LEGACY:
        return ERRORS.get(error, f"{error:#x}") if error >> 63 else f"{error:#x}"
    named = ERRORS.get(error, f"{error:#x}")
    if error:
        return named
    if find_extension(record.call.extension) == "hsm" and record.call.function == 2:
        return f"{named}, {STATUS.get(value, value)}"
    return f"{named}, value {value:#x}" if value else named
