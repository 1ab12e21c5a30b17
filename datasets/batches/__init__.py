"""Fixed-shape batches of the store's films for one worker."""
