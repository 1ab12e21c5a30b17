"""Model cards, the data card, settings side by side, and cost against quality."""
