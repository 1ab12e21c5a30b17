"""Presets of the overview model."""
