"""All evaluated films: thumbnails, search, filters, and a dialog for each."""
