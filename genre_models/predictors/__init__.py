"""Trained models that predict from posters and overviews, read from a folder."""
