"""Charts as SVG, with values by mouse, touch and keyboard."""
