"""Report page of a sweep."""
