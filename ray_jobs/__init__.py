"""One file per job a person submits."""
