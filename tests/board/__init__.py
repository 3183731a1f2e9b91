"""The virt board: images, device tree, reset vector, wiring."""
