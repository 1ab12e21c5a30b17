"""What runs and studies keep in the runs folder, and how it is found again."""
