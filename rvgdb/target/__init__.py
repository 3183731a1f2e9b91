"""What a debugger works on: interfaces by capability, and their implementation over the emulated machine."""
