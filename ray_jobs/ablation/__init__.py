"""A preset taken apart, component by component."""
