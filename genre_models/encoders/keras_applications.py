"""Networks of keras.applications as encoders of posters, with ImageNet's weights or a file's."""

from __future__ import annotations

import functools
import hashlib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genre_models.encoders.encoder import Backbone, EncodePosters, ImageEncoder

if TYPE_CHECKING:
    import keras


class KerasApplication(ImageEncoder):
    """A class of keras.applications, by its name."""

    digest_needs_keras = True

    def __init__(self, name: str) -> None:
        """Take the name of the class; whether there is one only Keras can say."""
        self.name = name

    def weights_file(self, given: Path | None) -> Path:
        """Return the given file; raises FileNotFoundError without one, as Keras fetches ImageNet's weights."""
        if given is None or not given.is_file():
            raise FileNotFoundError(f"there is no file of the weights of {self.name}: {given}")
        return given

    def digest(self, backbone: Backbone) -> str:
        """Return the SHA-256 of the network's arrays in order: of one network whatever its file's format."""
        sha = hashlib.sha256()
        for weight in _frozen(backbone).weights:
            sha.update(np.ascontiguousarray(weight.numpy()).tobytes())
        return sha.hexdigest()

    def build(self, backbone: Backbone) -> keras.Model:
        """Build the network behind its family's scaling of pixels."""
        import keras

        network = load(backbone)
        pictures = keras.Input((backbone.height, backbone.width, 3), name="pictures")
        return keras.Model(pictures, network(_scaled(backbone.name)(pictures)), name=backbone.name.lower())

    def network(self, model: keras.Model) -> keras.Model:
        """Return the network without the scaling of pixels."""
        return model.layers[-1]

    def stages(self, model: keras.Model) -> list[list[keras.Layer]]:
        """Return each layer with weights other than batch normalisation."""
        import keras

        layers = self.network(model).layers
        return [[one] for one in layers if one.weights and not isinstance(one, keras.layers.BatchNormalization)]

    def load(self, backbone: Backbone) -> EncodePosters:
        """Load the frozen network with its weights."""
        model, scaled = _frozen(backbone), _scaled(backbone.name)
        return lambda posters: np.asarray(model.predict_on_batch(scaled(posters.astype(np.float32))))


def _class_of(name: str) -> Any:
    import keras

    network_class = getattr(keras.applications, name, None)
    if network_class is None or not callable(network_class):
        raise ValueError(
            f"there is no backbone {name}: take one that --help lists, or a class of keras.applications, say "
            "EfficientNetV2B0"
        )
    return network_class


def _scaled(name: str) -> Any:
    """Return the function that scales pixels: each family has its own, in the network's module."""
    return importlib.import_module(_class_of(name).__module__).preprocess_input


@functools.lru_cache(maxsize=1)
def _frozen(backbone: Backbone) -> Any:
    """Return the cached network of `load`, which must not be trained."""
    return load(backbone)


def load(backbone: Backbone) -> Any:
    """Load a network of keras.applications: scaled pictures [B, H, W, 3] -> features float [B, units].

    Raises:
        OSError: the weights cannot be fetched or do not fit.
        ValueError: there is no such class.
    """
    import keras

    network_class, weights = _class_of(backbone.name), backbone.weights or "imagenet"
    shape = (backbone.height, backbone.width, 3)
    try:
        if "://" in weights:
            weights = keras.utils.get_file(origin=weights)
        return network_class(include_top=False, weights=weights, input_shape=shape, pooling="avg")
    except Exception as error:  # a failed download raises a plain Exception
        message = (str(error).strip().splitlines() or [repr(error)])[0]
        raise OSError(
            f"the weights {weights!r} of {backbone.name} cannot be fetched or do not fit: {message}. "
            "Name a file of its weights without the classes by --backbone-weights"
        ) from error
