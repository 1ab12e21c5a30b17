"""Our Keras layers."""
