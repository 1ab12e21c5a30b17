"""The checkpoint: a folder that needs nothing else to predict, to be evaluated or to train on.

model.keras         the network and its weights; loads in Keras' safe mode
checkpoint.json     kind, epoch, genres, thresholds, config, recipe, figures, store, library versions
vocabulary.txt      one token a line, in the order of the ids from 2 on (models that read)
tokenizer.json      in its place the tokenizer of a pretrained encoder that is part of the model
history.csv         the figures of every epoch so far
training_state.npz  the optimizer, with a moving average the weights it trains on, and where the dropout masks stand:
                    to go on as if never stopped
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genre_models.encoders.backbones import is_fine_tuned
from genre_models.models.registry import REGISTRY, ModelSpec
from genre_models.models.renamed_options import with_new_names
from genre_models.training import history as histories
from genre_models.training.history import EpochMetrics
from genre_models.training.recipe import Recipe

FORMAT = 1
_LIBRARIES = ("ray", "tensorflow", "keras", "numpy")


class CheckpointError(ValueError):
    """A folder that is no checkpoint of this project, or one that does not fit."""


@dataclass(frozen=True)
class Checkpoint:
    """Everything a checkpoint says beside the weights."""

    kind: str
    """Key in `registry.REGISTRY`."""
    genres: tuple[str, ...]
    config: Any
    """The dataclass of the kind's options."""
    recipe: Recipe
    store: dict[str, Any]
    """Which films it was trained on: {"fingerprint", "path", "films": counts by split}."""
    epoch: int = 0
    """Epochs trained so far, from 1."""
    parameters: int = 0
    """Number of the model's weights, those that stay as they are (of an encoder, of normalisation) included."""
    thresholds: tuple[float, ...] = ()
    """Decision threshold of each genre, tuned on the validation films at this epoch."""
    vocabulary: tuple[str, ...] = ()
    """The known tokens; the first has id 2. Empty for a model that does not read."""
    history: tuple[EpochMetrics, ...] = ()
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    features: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    """Of a model on frozen encoders, by input ("inputs", or "poster" and "tokens") what it is fed: {"encoder",
    "weights": SHA-256, "input", "units"}."""
    encoder: str = ""
    """Of a model that holds its encoder, the SHA-256 of the weights that training began with."""
    tokenizer: str = ""
    """The text of that encoder's tokenizer.json, if it reads."""

    @property
    def model_spec(self) -> ModelSpec:
        """Return the registry's entry."""
        return REGISTRY[self.kind]

    @property
    def inter_op_parallel(self) -> bool:
        """Return whether the model has operations worth a thread each, as an LSTM's two directions are; an encoder's
        follow one another."""
        return self.model_spec.uses_overview and not is_fine_tuned(self.config)

    @property
    def encoders(self) -> tuple[str, ...]:
        """Return the SHA-256 of the pretrained weights that it is fed by, or began with."""
        return (self.encoder,) if self.encoder else tuple(told["weights"] for told in self.features.values())

    @property
    def feature_dims(self) -> dict[str, Any]:
        """Return the arguments of the kind's `build` that describe its input features: their length, or lengths by
        input."""
        units = {column: told["units"] for column, told in self.features.items()}
        return {"units": units.get("inputs", units)} if units else {}

    @property
    def figures(self) -> EpochMetrics:
        """Return the figures of the epoch this checkpoint was taken at."""
        return self.history[self.epoch - 1]


def save(folder: Path, checkpoint: Checkpoint, model: Any, optimizer: Any | None = None) -> None:
    """Write a checkpoint of a Keras model into an empty folder; with its optimizer, if training is to go on."""
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(folder, model, optimizer)
    save_about(folder, checkpoint, parameters=model.count_params())


def save_weights(folder: Path, model: Any, optimizer: Any | None = None) -> None:
    """Write the part of a checkpoint that is known as soon as an epoch has trained, and takes time: its weights and,
    with its optimizer, how to go on from them."""
    model.save(folder / "model.keras")
    if optimizer is not None:
        state = {f"optimizer-{i:04d}": variable.numpy() for i, variable in enumerate(optimizer.variables)}
        state |= {f"seed-{i:04d}": variable.numpy() for i, variable in enumerate(_seed_states(model))}
        np.savez(folder / "training_state.npz", **state)


def save_about(folder: Path, checkpoint: Checkpoint, *, parameters: int) -> None:
    """Write the rest: what a checkpoint says beside the weights, which are there already."""
    if checkpoint.vocabulary:
        (folder / "vocabulary.txt").write_text("\n".join(checkpoint.vocabulary) + "\n", encoding="utf-8")
    if checkpoint.tokenizer:
        (folder / "tokenizer.json").write_text(checkpoint.tokenizer, encoding="utf-8")
    (folder / "history.csv").write_text(histories.to_csv(checkpoint.history), encoding="utf-8")
    about = {
        "format": FORMAT,
        "kind": checkpoint.kind,
        "epoch": checkpoint.epoch,
        "parameters": parameters,
        "genres": checkpoint.genres,
        "thresholds": checkpoint.thresholds,
        "config": dataclasses.asdict(checkpoint.config),
        "recipe": dataclasses.asdict(checkpoint.recipe),
        "figures": dataclasses.asdict(checkpoint.figures) if checkpoint.history else None,
        "store": checkpoint.store,
        "features": checkpoint.features,
        "encoder": checkpoint.encoder,
        "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }
    # Written last: a folder with this file is whole.
    (folder / "checkpoint.json").write_text(json.dumps(about, indent=2, ensure_ascii=False), encoding="utf-8")


def parse(text: str, *, where: str) -> dict[str, Any]:
    """Read the text of a `checkpoint.json`.

    Raises:
        CheckpointError: it is not one, or of a format this version does not know.
    """
    try:
        about = json.loads(text)
        if about["format"] != FORMAT or about["kind"] not in REGISTRY:
            raise CheckpointError(
                f"{where}: format {about['format']}, kind {about['kind']!r}; this version reads format {FORMAT} "
                f"and knows {', '.join(REGISTRY)}"
            )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{where} is not a checkpoint of film-genres ({error!r})") from error
    return about


def read(folder: Path) -> Checkpoint:
    """Read what a checkpoint says, without its weights and without TensorFlow.

    Raises:
        CheckpointError: the folder is no checkpoint of this project.
    """
    path = folder / "checkpoint.json"
    if not path.is_file():
        raise CheckpointError(f"{folder} is no checkpoint: it has no checkpoint.json")
    try:
        return _read(folder, parse(path.read_text(encoding="utf-8"), where=str(path)))
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise CheckpointError(f"{folder} is not a whole checkpoint of film-genres ({error!r})") from error


def _read(folder: Path, about: dict[str, Any]) -> Checkpoint:
    words, tokenizer = folder / "vocabulary.txt", folder / "tokenizer.json"
    features = about.get("features", {})
    return Checkpoint(
        kind=about["kind"],
        genres=tuple(about["genres"]),
        config=config_from(REGISTRY[about["kind"]].config_class, with_new_names(about["config"])),
        recipe=Recipe(**with_new_names(about["recipe"])),
        store=about["store"],
        epoch=about["epoch"],
        parameters=about["parameters"],
        thresholds=tuple(about["thresholds"]),
        vocabulary=tuple(words.read_text(encoding="utf-8").split("\n")[:-1]) if words.is_file() else (),
        history=tuple(histories.from_csv((folder / "history.csv").read_text(encoding="utf-8"))),
        versions=about["versions"],
        # Before there were joint models on features, a checkpoint told of one encoder's alone.
        features={"inputs": features} if "encoder" in features else features,
        encoder=about.get("encoder", ""),
        tokenizer=tokenizer.read_text(encoding="utf-8") if tokenizer.is_file() else "",
    )


def config_from(config_class: type[Any], values: dict[str, Any]) -> Any:
    """Make a config dataclass from what JSON made of it (lists become tuples again)."""
    return config_class(**with_tuples(values))


def with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Return options as they were before JSON or YAML made lists of their tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def load_model(folder: Path) -> Any:
    """Load the Keras model, in safe mode: a checkpoint from elsewhere cannot run code."""
    import keras

    from genre_models.layers import fused_lstm, modality_dropout, pooling, random_view  # noqa: F401  (layers that Keras must know)

    return keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True)


def restore(folder: Path, model: Any, optimizer: Any) -> list[EpochMetrics]:
    """Fill a model and its optimizer as they stood when the checkpoint was taken; return the history until then.

    Raises:
        CheckpointError: the model is of another shape than the checkpoint's.
    """
    saved = load_model(folder)
    _assign(model.weights, [weight.numpy() for weight in saved.weights], folder)
    with np.load(folder / "training_state.npz", allow_pickle=False) as state:
        for prefix, variables in (("optimizer", optimizer.variables), ("seed", _seed_states(model))):
            values = [state[name] for name in sorted(state.files) if name.startswith(prefix)]
            _assign(variables, values, folder)
    about = read(folder)
    # The best checkpoint of a finished run knows the whole run's curves; training goes on from its own epoch.
    return list(about.history[: about.epoch])


def load_initial_weights(folder: Path, model: Any, *, where: str) -> None:
    """Give a new model the weights of a checkpoint: all of them or, where only the model holds an encoder, all but the
    encoder's, which the checkpoint's was fed by. `where` names the checkpoint in messages.

    Raises:
        CheckpointError: the checkpoint's layers are of other shapes.
    """
    from genre_models.encoders.backbones import find_encoder

    saved, encoder = load_model(folder), find_encoder(model)
    kept = {id(weight) for weight in encoder.weights} if encoder is not None and find_encoder(saved) is None else set()
    weights = [weight for weight in model.weights if id(weight) not in kept]
    _assign(weights, [weight.numpy() for weight in saved.weights], where)


def _seed_states(model: Any) -> list[Any]:
    """Return the variables that `model.keras` leaves out: where each layer's random numbers stand."""
    kept = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in kept]


def _assign(variables: Sequence[Any], values: Sequence[np.ndarray], where: Path | str) -> None:
    shapes, wanted = [tuple(v.shape) for v in variables], [np.shape(v) for v in values]
    if shapes != wanted:
        raise CheckpointError(f"{where} holds another model: its shapes are {wanted[:3]}…, not {shapes[:3]}…")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
