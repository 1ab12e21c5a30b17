"""The store as fixed-shape batches of one worker."""
