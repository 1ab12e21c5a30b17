"""Trained models on films without labels: predicted in parts, and written as tables and a page."""
