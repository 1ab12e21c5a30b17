"""A sweep under Ray Tune."""
