"""Names under which saved models know our layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


def saved_as(name: str) -> Callable[[type[Any]], type[Any]]:
    """Register a layer under its name in saved models, independent of its class name.

    Keras files a layer's weights under the name of its class, so that the class is given that name too.
    """

    def register(layer: type[Any]) -> type[Any]:
        layer.__name__ = name
        return keras.saving.register_keras_serializable(package="film_genres", name=name)(layer)

    return register
