"""The machine: a synchronous, deterministic RISC-V RV64 emulator that knows nothing of debuggers' protocols."""
