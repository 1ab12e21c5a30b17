"""Ray: start-up, resource requests, and progress from workers."""
