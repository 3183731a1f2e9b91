"""Sessions of a real LLDB."""
