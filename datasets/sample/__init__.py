"""Synthetic films, to run everything without real data."""
