"""Analyses of sweeps and ablations, computed from their trials."""
