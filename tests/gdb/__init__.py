"""Debug sessions of a real GDB against a real emulator."""
