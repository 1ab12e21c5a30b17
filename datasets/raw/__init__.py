"""Reading and validation of a films folder: CSV rows, posters and rejects."""
