"""Evaluation: scoring, calibration, ensembling and comparison of checkpoints."""
