"""Numbers, colours, tables and HTML, one way each."""
