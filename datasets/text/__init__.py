"""Tokenization of overviews."""
