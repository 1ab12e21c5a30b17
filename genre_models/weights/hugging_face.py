"""Folders in Hugging Face's layout: their config.json and model.safetensors, neither of which can run code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
# Backbones that read each type of model.
_READ_BY = {
    **{name: name for name in ("bert", "mpnet", "clip", "siglip")},
    "clip_vision_model": "clip",
    "siglip_vision_model": "siglip",
}


def given_folder(folder: Path) -> Path:
    """Return a folder that a user named, if it has weights.

    Raises:
        FileNotFoundError: it has none.
    """
    if (folder / WEIGHTS).is_file():
        return folder
    if any(folder.glob("model-*-of-*.safetensors")):
        raise FileNotFoundError(f"{folder} has its weights in several files: join them in one {WEIGHTS}")
    pickled = sorted(folder.glob("pytorch_model*.bin"))
    if pickled:
        raise FileNotFoundError(
            f"{folder} has no {WEIGHTS}, and {pickled[0].name} is a pickle, which is not read: save the model again "
            "with safe_serialization=True, or take the revision of it that has a safetensors file"
        )
    raise FileNotFoundError(f"{folder} is no folder of a pretrained encoder: it has no {WEIGHTS}")


def named_folder(backbone: str, folder: Path | None) -> Path:
    """Return the folder named for a backbone that has no package of weights; raises as `given_folder`."""
    if folder is None:
        raise FileNotFoundError(
            f"{backbone} has no package of weights: name a folder of one by --backbone-weights; "
            "docs/pretrained.md lists some"
        )
    return given_folder(folder)


def read_config(
    folder: Path, model_types: tuple[str, ...], required: Mapping[str, Any], *, part: str = ""
) -> dict[str, Any]:
    """Return the folder's configuration, or a part of it such as "vision_config".

    Args:
        folder: the folder.
        model_types: the kinds of network that are meant.
        required: values that the network here takes for granted; a key that is left out has them.
        part: key of the part; a configuration without it is that of the part itself.

    Raises:
        ValueError: it belongs to another kind of network, or is no JSON.
        OSError: it cannot be read.
    """
    path = folder / CONFIG
    try:
        config = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON ({error})") from error
    kind = config.get("model_type", model_types[0])
    if kind not in model_types:
        advice = f"; such a folder is read with --backbone {_READ_BY[kind]}" if kind in _READ_BY else ""
        raise ValueError(f"{path}: model_type is {kind!r}, and only {' or '.join(model_types)} is known here{advice}")
    config = config.get(part, config) if part else config
    for name, wanted in required.items():
        if config.get(name, wanted) != wanted:
            raise ValueError(f"{path}: {name} is {config[name]!r}, and only {wanted!r} is known here")
    return dict(config)


def read_weights(folder: Path, *prefixes: str) -> StateDict:
    """Return a folder's tensors by name.

    Args:
        folder: the folder.
        prefixes: of the names; with the first that any name has, only those names are kept, without it.

    Raises:
        ValueError: the file is damaged, or of numbers that numpy does not have.
        ImportError: the package `safetensors` is not installed.
        OSError: it cannot be read.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ImportError(
            "a pretrained encoder in a folder needs the package safetensors: `pip install -e '.[pretrained]'`"
        ) from error
    path = folder / WEIGHTS
    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            prefix = next((one for one in prefixes if any(name.startswith(one) for name in names)), "")
            # Alone what is asked for: of a CLIP or SigLIP the text tower is the larger half.
            kept = {name.removeprefix(prefix): file.get_tensor(name) for name in names if name.startswith(prefix)}
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be read: it is damaged, or of numbers that numpy does not have, such as bfloat16 "
            f"({type(error).__name__}: {error})"
        ) from error
    return StateDict(path, kept)


class StateDict:
    """Tensors by PyTorch's names, for layers of Keras: its dense kernels are [out, in], Keras' [in, out]."""

    def __init__(self, path: Path, tensors: Mapping[str, np.ndarray]) -> None:
        self._path, self._tensors = path, tensors

    def __contains__(self, key: str) -> bool:
        """Return whether there is a tensor of this name."""
        return key in self._tensors

    def __getitem__(self, key: str) -> np.ndarray:
        """Return a tensor in float32; raise KeyError without one."""
        return self._tensors[key].astype(np.float32, copy=False)

    def dense(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Return kernel [in, out] and bias of a dense layer."""
        return self[f"{key}.weight"].T, self[f"{key}.bias"]

    def norm(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Return scale and offset of a layer normalisation."""
        return self[f"{key}.weight"], self[f"{key}.bias"]

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Report a tensor that is missing or has another shape; raise ValueError with the file's name."""
        try:
            yield
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"{self._path} does not hold the weights that {self._path.parent / CONFIG} describes ({error})"
            ) from error


def fill(model: keras.Model, name: str, *values: np.ndarray) -> None:
    """Set a layer's weights from arrays of as many numbers each; raise ValueError where they are not."""
    layer = model.get_layer(name)
    layer.set_weights([value.reshape(weight.shape) for value, weight in zip(values, layer.weights, strict=True)])
