"""Overview text to token ids."""
