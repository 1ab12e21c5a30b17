"""Checkpoints scored, calibrated, combined and compared."""
