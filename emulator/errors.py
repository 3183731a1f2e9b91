"""Errors of the host side. A guest's traps are state of the machine and never appear here (see `emulator.hart`)."""

from __future__ import annotations


class EmulatorError(Exception):
    """Root of every error that the emulator raises on purpose."""


class ConfigError(EmulatorError):
    """Raised when a configuration asks for something that cannot be built; the text names it and what to do."""


class LoadError(EmulatorError):
    """Raised when an image (ELF, raw file, device tree) cannot be loaded; the text names the file and the reason."""


class BusFault(EmulatorError):
    """Raised when nothing answers at a physical address, or not with that width."""

    def __init__(self, address: int, width: int) -> None:
        super().__init__(f"nothing answers an access of {width} bytes at physical address {address:#x}")
        self.address = address
        self.width = width


class MemoryUnavailable(EmulatorError):
    """Raised when a debugger asks for memory that no translation or no RAM stands behind."""

    def __init__(self, address: int, reason: str) -> None:
        super().__init__(f"cannot access memory at {address:#x}: {reason}")
        self.address = address
        self.reason = reason


class CsrRefused(EmulatorError):
    """Raised when a debugger's access to a CSR is refused; the text gives the CSR's own reason."""


class EngineError(EmulatorError):
    """Raised when the compiled engine cannot be built or loaded on this host; the reference engine still works."""


class JudgementRefused(EmulatorError):
    """Raised when what a debugger attached to a breakpoint makes no sense; says what is wrong with it."""
