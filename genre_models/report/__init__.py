"""Figures and the comparison page, made from plain results (dicts and arrays)."""
