"""Synthetic films, to try everything without data."""
