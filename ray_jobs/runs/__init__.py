"""Files of runs and studies in the runs folder, and their discovery."""
