"""Physical memory: RAM, the bus and what a device must offer."""
