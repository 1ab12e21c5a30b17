"""Joining or starting Ray, asking for resources, progress from workers."""
