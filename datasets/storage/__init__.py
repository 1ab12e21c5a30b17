"""Files on any filesystem, written atomically."""
