"""Models, one file each with options, search space and network, and their registry."""
