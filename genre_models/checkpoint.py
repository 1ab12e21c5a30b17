"""A checkpoint: a self-contained folder for prediction, evaluation and resumed training.

model.keras         the network and its weights; loads in Keras' safe mode
checkpoint.json     kind, epoch, genres, thresholds, config, inputs, recipe, figures, store, library versions, the state
                    of the dropout seeds, and the size and SHA-256 of every other file
vocabulary.txt      one token per line, in the order of the ids from 2 on (models that use overviews)
tokenizer.json      instead of it, the tokenizer of a fine-tuned text encoder
history.csv         the metrics of every epoch so far; later epochs of its run may be appended
training_state.npz  the optimizer (with a moving average also the raw weights)
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genre_models.checkpoint_files import (
    HISTORY,
    METADATA,
    STATE,
    TEXTS,
    WEIGHTS,
    CheckpointError,
    fault,
    listed,
    open_regular,
    read_arrays,
    require_bounded,
)
from genre_models.models.input_spec import InputSpec
from genre_models.models.option_checks import in_short, parse_json
from genre_models.models.registry import REGISTRY, ModelSpec
from genre_models.models.renamed_options import with_new_names
from genre_models.training import history as histories
from genre_models.training.history import EpochMetrics
from genre_models.training.recipe import Recipe

FORMAT = 1
_LIBRARIES = ("ray", "tensorflow", "keras", "numpy")


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a checkpoint, without the weights."""

    kind: str
    """Key in `registry.REGISTRY`."""
    genres: tuple[str, ...]
    config: Any
    """The dataclass of the kind's options."""
    recipe: Recipe
    store: dict[str, Any]
    """The training store: {"fingerprint", "path", "films": counts by split, "poster": height and width in pixels}."""
    epoch: int = 0
    """Epochs trained so far, from 1."""
    parameters: int = 0
    """Number of the model's weights, including non-trainable ones (encoder, normalisation statistics)."""
    thresholds: tuple[float, ...] = ()
    """Decision threshold of each genre, tuned on the validation films after this epoch."""
    vocabulary: tuple[str, ...] = ()
    """The known tokens; the first has id 2. Empty for a model that does not use overviews."""
    history: tuple[EpochMetrics, ...] = ()
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    inputs: InputSpec = dataclasses.field(default_factory=InputSpec)
    """The model's inputs: always those of `config`, completed by the facts given here (the digests of encoders)."""
    tokenizer: str = ""
    """The text of a fine-tuned text encoder's tokenizer.json."""

    def __post_init__(self) -> None:
        # Also after `dataclasses.replace` with another config: the inputs never lag behind it.
        inputs = self.model_spec.inputs(self.config).completed_by(self.inputs)
        object.__setattr__(self, "inputs", inputs)

    @property
    def model_spec(self) -> ModelSpec:
        """Return the model's registry entry."""
        return REGISTRY[self.kind]

    def build_model(self) -> Any:
        """Build the Keras model, not yet trained."""
        return self.model_spec.build(self.config, genres=len(self.genres), **self.inputs.units)

    @property
    def metrics(self) -> EpochMetrics:
        """Return the metrics of this checkpoint's epoch."""
        return self.history[self.epoch - 1]


def save(folder: Path, checkpoint: Checkpoint, model: Any, optimizer: Any | None = None) -> None:
    """Write a checkpoint of a Keras model into an empty folder; resuming needs the optimizer."""
    folder.mkdir(parents=True, exist_ok=True)
    files = save_weights(folder, model, optimizer)
    save_metadata(folder, checkpoint, parameters=model.count_params(), seeds=seeds_of(model), files=files)


def save_weights(folder: Path, model: Any, optimizer: Any | None = None) -> dict[str, Any]:
    """Write a checkpoint's weights and, given an optimizer, its state; needs no evaluation results.

    Returns:
        Size and SHA-256 of the files, for `save_metadata`.
    """
    model.save(folder / WEIGHTS)
    if optimizer is not None:
        state = {f"optimizer-{i:04d}": variable.numpy() for i, variable in enumerate(optimizer.variables)}
        np.savez(folder / STATE, **state)
    return listed(folder)


def seeds_of(model: Any) -> list[list[int]]:
    """Return the state of the dropout seeds, which validation changes too."""
    return [variable.numpy().tolist() for variable in _seed_states(model)]


def save_metadata(
    folder: Path,
    checkpoint: Checkpoint,
    *,
    parameters: int,
    seeds: Sequence[Sequence[int]] | None = None,
    files: Mapping[str, Any] | None = None,
) -> None:
    """Write the metadata of a checkpoint whose weights are already written.

    Args:
        folder: the checkpoint.
        checkpoint: its metadata.
        parameters: number of the model's weights.
        seeds: the state of the dropout seeds to resume from.
        files: size and SHA-256 of files already written; others are read.
    """
    if checkpoint.vocabulary:
        (folder / "vocabulary.txt").write_text("\n".join(checkpoint.vocabulary) + "\n", encoding="utf-8")
    if checkpoint.tokenizer:
        (folder / "tokenizer.json").write_text(checkpoint.tokenizer, encoding="utf-8")
    (folder / HISTORY).write_text(histories.to_csv(checkpoint.history), encoding="utf-8")
    metadata = {
        "format": FORMAT,
        "kind": checkpoint.kind,
        "epoch": checkpoint.epoch,
        "parameters": parameters,
        "genres": checkpoint.genres,
        "thresholds": checkpoint.thresholds,
        "config": dataclasses.asdict(checkpoint.config),
        "recipe": dataclasses.asdict(checkpoint.recipe),
        "figures": dataclasses.asdict(checkpoint.metrics) if checkpoint.history else None,
        "store": checkpoint.store,
        "inputs": checkpoint.inputs.to_json(),
        "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "seeds": seeds,
        "files": listed(folder, files or {}),
    }
    # Written last: a folder with this file is complete.
    (folder / METADATA).write_text(json.dumps(metadata, indent=2, ensure_ascii=False), encoding="utf-8")


def parse(text: str, *, where: str) -> dict[str, Any]:
    """Parse the text of a `checkpoint.json`.

    Raises:
        CheckpointError: the text is not a checkpoint.json, or its format is unknown to this version.
    """
    try:
        metadata = parse_json(text)
        if metadata["format"] != FORMAT or metadata["kind"] not in REGISTRY:
            raise CheckpointError(
                f"{where}: format {metadata['format']}, kind {metadata['kind']!r}; this version reads format {FORMAT} "
                f"and knows {', '.join(REGISTRY)}"
            )
    except CheckpointError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{where} is not a checkpoint of film-genres ({in_short(error)})") from error
    return metadata


def read(folder: Path) -> Checkpoint:
    """Read a checkpoint's metadata, without its weights and without TensorFlow.

    Raises:
        CheckpointError: the folder is not a checkpoint of this project.
    """
    path = folder / METADATA
    if not path.is_file():
        raise CheckpointError(f"{folder} is no checkpoint: it has no checkpoint.json")
    try:
        return _read(folder, parse(path.read_text(encoding="utf-8"), where=str(path)))
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise CheckpointError(f"{folder} is not a whole checkpoint of film-genres ({in_short(error)})") from error


def _read(folder: Path, metadata: dict[str, Any]) -> Checkpoint:
    _require(folder, metadata, TEXTS)
    known = metadata.get("files") or dict.fromkeys(TEXTS)
    words, tokenizer = (_text(folder / name, listed=name in known) for name in ("vocabulary.txt", "tokenizer.json"))
    config = config_from(REGISTRY[metadata["kind"]].config_class, with_new_names(metadata["config"]))
    checkpoint = Checkpoint(
        kind=metadata["kind"],
        genres=tuple(metadata["genres"]),
        config=config,
        recipe=Recipe(**with_new_names(metadata["recipe"])),
        store=metadata["store"],
        epoch=metadata["epoch"],
        parameters=metadata["parameters"],
        thresholds=tuple(metadata["thresholds"]),
        vocabulary=tuple(words.split("\n")[:-1]),
        history=tuple(histories.from_csv(_text(folder / HISTORY, listed=True))),
        versions=metadata["versions"],
        inputs=_inputs(metadata, config),
        tokenizer=tokenizer,
    )
    _check(checkpoint)
    return checkpoint


def _require(folder: Path, metadata: Mapping[str, Any], needed: Collection[str]) -> None:
    if why := fault(metadata, lambda name: open_regular(folder / name), needed):
        raise CheckpointError(f"{folder} is not whole: {why}. Take another checkpoint, or copy this one again")


def _text(path: Path, *, listed: bool) -> str:
    return path.read_text(encoding="utf-8") if listed and path.is_file() else ""


def _check(checkpoint: Checkpoint) -> None:
    """Raise ValueError if the parts of a checkpoint do not fit each other."""
    thresholds, genres = checkpoint.thresholds, checkpoint.genres
    if len(set(genres)) != len(genres) or not genres:
        raise ValueError(f"the genres {genres} are none, or one is there twice")
    if len(thresholds) not in (0, len(genres)) or not all(map(math.isfinite, thresholds)):
        raise ValueError(f"the thresholds {thresholds} are not a number for each of {len(genres)} genres")
    if checkpoint.inputs.own_vocabulary and not checkpoint.vocabulary:
        raise ValueError("vocabulary.txt is missing or empty")
    if checkpoint.history and not 1 <= checkpoint.epoch <= len(checkpoint.history):
        raise ValueError(f"epoch {checkpoint.epoch} is not among the {len(checkpoint.history)} in history.csv")


def _inputs(metadata: dict[str, Any], config: Any) -> InputSpec:
    """Return the inputs in a checkpoint.json; those of the version before are resolved from its config."""
    if "inputs" in metadata:
        return InputSpec.from_json(metadata["inputs"])
    resolved = REGISTRY[metadata["kind"]].inputs(config)
    return resolved.with_old_facts(metadata.get("features", {}), metadata.get("encoder", ""))


def config_from(config_class: type[Any], values: dict[str, Any]) -> Any:
    """Build a config dataclass from its JSON values; lists become tuples again."""
    return config_class(**with_tuples(values))


def with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Return options with the lists of JSON or YAML converted back to tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def load_model(folder: Path) -> Any:
    """Load the Keras model in safe mode: an untrusted checkpoint cannot run code.

    Raises:
        CheckpointError: it cannot be loaded, or holds weights that are no numbers.
    """
    import keras

    from genre_models.layers import fused_lstm, modality_dropout, pooling, random_view  # noqa: F401  (they register)

    path = folder / WEIGHTS
    if (folder / METADATA).is_file():
        _require(
            folder, parse((folder / METADATA).read_text(encoding="utf-8"), where=str(folder / METADATA)), (WEIGHTS,)
        )
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: take another checkpoint, or copy this one again")
    require_bounded(path)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # zipfile's, h5py's and Keras' own, of many types
        raise CheckpointError(f"{path} cannot be loaded ({type(error).__name__}: {error})") from error
    for weight in model.weights:
        if not np.isfinite(np.sum(weight.numpy(), dtype=np.float64)):  # any that is no number makes it none
            raise CheckpointError(f"{path} holds weights that are no numbers ({weight.path}): train it again")
    return model


def restore(folder: Path, model: Any, optimizer: Any) -> list[EpochMetrics]:
    """Restore a model and its optimizer from a checkpoint; return the history until then.

    Raises:
        CheckpointError: the checkpoint is not whole, or the model's shapes differ from its own.
    """
    checkpoint, metadata = read(folder), parse((folder / METADATA).read_text(encoding="utf-8"), where=str(folder))
    _require(folder, metadata, (STATE,))
    saved = load_model(folder)
    _assign(model.weights, [weight.numpy() for weight in saved.weights], folder)
    state = read_arrays(folder / STATE)
    _assign(optimizer.variables, [state[name] for name in sorted(state) if name.startswith("optimizer")], folder)
    # Before checkpoint.json had them, the seeds were with the optimizer, as they stood before validation.
    seeds = metadata.get("seeds") or [state[name] for name in sorted(state) if name.startswith("seed")]
    _assign(_seed_states(model), [np.array(seed, np.uint32) for seed in seeds], folder)
    # The best checkpoint of a finished run holds the whole run's history; training resumes from its own epoch.
    return list(checkpoint.history[: checkpoint.epoch])


def load_initial_weights(folder: Path, model: Any, *, where: str) -> None:
    """Initialise a new model with the weights of a checkpoint.

    A model with an encoder keeps the encoder's weights if the checkpoint's model used frozen features. `where` names
    the checkpoint in messages.

    Raises:
        CheckpointError: the shapes of the checkpoint's layers differ.
    """
    from genre_models.encoders.fine_tuning import find_encoder

    saved, encoder = load_model(folder), find_encoder(model)
    skip = {id(weight) for weight in encoder.weights} if encoder is not None and find_encoder(saved) is None else set()
    weights = [weight for weight in model.weights if id(weight) not in skip]
    _assign(weights, [weight.numpy() for weight in saved.weights], where)


def _seed_states(model: Any) -> list[Any]:
    """Return the state of the layers' seed generators, which `model.keras` does not hold."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _assign(variables: Sequence[Any], values: Sequence[np.ndarray], where: Path | str) -> None:
    shapes, wanted = [tuple(v.shape) for v in variables], [np.shape(v) for v in values]
    if shapes != wanted:
        raise CheckpointError(f"{where} holds another model: its shapes are {wanted[:3]}…, not {shapes[:3]}…")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
