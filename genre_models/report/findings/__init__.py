"""What the figures of a comparison say, in sentences."""
