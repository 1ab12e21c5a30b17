"""Metrics, intervals, thresholds, calibration, baselines, the ensemble."""
