"""Uses of private interfaces of Keras and TensorFlow."""

from __future__ import annotations

from typing import Any

CHECKED_WITH = {"keras": "3.15", "tensorflow": "2.21"}
"""Versions in which these interfaces were checked."""


def variable_index(optimizer: Any, variable: Any) -> int:
    """Return the place of a weight among those that an optimizer trains."""
    return int(optimizer._get_variable_index(variable))


def adam_moments(optimizer: Any, variable: Any) -> tuple[Any, Any]:
    """Return Adam's first and second moment of a weight, as the backend's variables."""
    index = optimizer._get_variable_index(variable)
    return optimizer._momentums[index].value, optimizer._velocities[index].value


def forget_custom_gradients() -> None:
    """Remove the gradients of traced functions from TensorFlow's list, which holds their graphs for good.

    The optimizer sums gradients over workers, one or many, in a function with a gradient of its own. TensorFlow lists
    such a gradient with the graph it was traced in and all its weights, and has no public way to take it off the list.
    """
    from tensorflow.python.framework.ops import gradient_registry

    listed = gradient_registry._registry
    for name in [name for name in listed if name.startswith("CustomGradient-")]:
        del listed[name]
