"""The GDB remote serial protocol as a sans-IO library: bytes in, requests out; replies in, bytes out."""
