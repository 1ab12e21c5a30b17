"""Presets: named recipes and model options."""
