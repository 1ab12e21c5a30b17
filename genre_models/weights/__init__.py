"""Weights of pretrained encoders: installed files and folders, checked and read without running code."""
