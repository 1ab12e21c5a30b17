"""Numbers, colours, SVG and HTML, one way each."""
