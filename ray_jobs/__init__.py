"""One script a job that a person submits, above the rooms they share."""
