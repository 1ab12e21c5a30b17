"""Tables of films in any common format, as records with their line numbers."""
