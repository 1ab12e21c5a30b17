"""Options, console, errors and exit codes of every job."""
