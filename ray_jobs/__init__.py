"""Job scripts, and the packages they share."""
