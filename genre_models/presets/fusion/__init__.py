"""Presets of the joint model."""
