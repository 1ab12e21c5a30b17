"""Pretrained encoders: networks of posters and overviews, filled with published weights."""
