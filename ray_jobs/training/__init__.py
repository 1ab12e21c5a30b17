"""One run under Ray Train, and the setup of all jobs that train."""
