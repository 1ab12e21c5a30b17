"""One file a model with its options, search space and network, and the registry."""
