"""Turns instruction rows into running code: reference domain, LLVM domain, threaded interpreter, soft TLB, code store."""
