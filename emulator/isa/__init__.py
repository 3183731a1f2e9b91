"""What every instruction means: one row each; decoding, encoding and disassembly come from the same rows."""
