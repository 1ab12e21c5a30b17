"""Ablation of a preset, component by component."""
