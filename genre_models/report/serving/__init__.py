"""The page of a service."""
