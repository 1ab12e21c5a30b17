"""Attributions of a prediction to regions of the poster and words of the overview."""
