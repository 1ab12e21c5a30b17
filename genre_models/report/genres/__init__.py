"""Each genre in detail: curves, thresholds, calibration and confusions."""
