"""Findings of a comparison, in sentences."""
