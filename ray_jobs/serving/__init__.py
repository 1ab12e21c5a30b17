"""Trained models as an HTTP service on Ray Serve."""
