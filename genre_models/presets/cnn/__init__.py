"""Presets of the poster model."""
