"""One run under Ray Train."""
