"""A films folder checked: rows, posters, rejects with their reason."""
