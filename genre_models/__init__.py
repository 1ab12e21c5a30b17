"""Models, training, metrics and pages, without Ray."""
