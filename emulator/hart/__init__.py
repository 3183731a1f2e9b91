"""Architectural state of a hart and its rules: CSRs, traps, interrupts, PMP, translation."""
