"""The cures of each model, and what an ablation trains to find what each one bought.

A cure that a preset has is taken away by `without`: the coursework's values of its options. One that the preset leaves
off is added by `adds`. Of a cure with both, the preset decides. A file of one's own has the same, in YAML
(`read_cures`; docs/tuning.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import yaml

from genre_models.models import search_space
from genre_models.models.search_space import SearchSpaceError

Group = Literal["preset", "without", "with", "coursework with"]


@dataclass(frozen=True)
class Cure:
    """One remedy: an option, or a few that belong together."""

    name: str
    what: str
    """What it does, in plain words."""
    without: Mapping[str, Any] = field(default_factory=dict)
    """Values that take it away from a preset that has it."""
    adds: Mapping[str, Any] = field(default_factory=dict)
    """Values that add it to a preset that leaves it off."""

    def __post_init__(self) -> None:
        if not self.without and not self.adds:
            raise SearchSpaceError(f"the cure {self.name} must have options without it, with it, or both")

    def had_by(self, preset: tuple[Any, Any]) -> bool:
        """Return whether a preset is tried without it, since it has it, and not with it."""
        return bool(self.without) and (not self.adds or bool(_changes(preset, self.without)))


_LEARNING = (
    Cure("higher learning rate", "steps many times as long as the coursework's", without={"learning_rate": 1e-4}),
    Cure("weight decay", "AdamW takes a little off the weights at every step", without={"weight_decay": 0.0}),
)
_COURSEWORKS_RATE = {"schedule": "hold_then_decay", "warmup_epochs": 0}
_COSINE = Cure(
    "cosine schedule",
    "the learning rate falls to near 0, after a warm-up where the preset has one",
    without=_COURSEWORKS_RATE,
)
_AVERAGED = Cure("averaged weights", "a moving average of the weights predicts", without={"ema": 0.0})
_CONSTANT = (
    Cure(
        "constant learning rate",
        "it is not lowered, for averaging stands in for that",
        without=_COURSEWORKS_RATE,
    ),
    _AVERAGED,
    Cure("cosine schedule", "the learning rate falls to near 0, beside averaging", adds={"schedule": "cosine"}),
    Cure("cosine, no average", "the same in place of averaging", adds={"schedule": "cosine", "ema": 0.0}),
)
_SMOOTHED = Cure(
    "label smoothing",
    "targets a little above 0 and below 1",
    without={"label_smoothing": 0.0},
    adds={"label_smoothing": 0.05},
)
_BALANCE = (
    Cure("focal loss", "counts less what the model is sure of and right about", adds={"loss": "focal"}),
    Cure("asymmetric loss", "does so for genres that a film has not", adds={"loss": "asymmetric"}),
    Cure(
        "weights by inverse frequency",
        "a film counts more for its rare genres, by 1 / films",
        adds={"genre_weights": "inverse_frequency"},
    ),
    Cure(
        "weights by effective number",
        "a film counts more for its rare genres, by 1 / effective number of films",
        adds={"genre_weights": "effective_number"},
    ),
    Cure("oversampling", "half of an epoch's films are drawn, rare genres first", adds={"oversampling": 0.5}),
)
_CLIPPING = Cure("gradient clipping", "a step's gradient is never longer than 1", adds={"clip_norm": 1.0})
_PRIOR = Cure(
    "start at the prior", "the model begins with each genre's share of the films", without={"start_at_prior": False}
)
_WORDS = (
    Cure(
        "better words",
        "words less their endings, rare ones unknown, in place of splitting at white space",
        without={"tokenizer": "split", "fewest_uses": 1},
    ),
    Cure(
        "word vectors from an SVD",
        "words' vectors start from which words share overviews",
        without={"embedding_start": "random"},
    ),
    Cure(
        "pieces of words",
        "pieces that the overviews teach, not words less their endings",
        adds={"tokenizer": "subwords"},
    ),
    Cure("word dropout", "words of an overview are dropped whole", without={"word_dropout": 0.0}),
    Cure("embedding dropout", "channels of the words' vectors are dropped", without={"embedding_dropout": 0.0}),
    Cure("bag of words beside", "the words' vectors, summed, go to the output too", without={"word_bag": False}),
    Cure("votes of single words", "each word also votes for genres by itself", without={"word_votes": False}),
)
_POSTERS = (
    Cure("cutout", "a rectangle is wiped out of every other poster", adds={"cutout": 0.5}),
    Cure("colour jitter", "the saturation of posters is varied", adds={"colour_jitter": 0.5}),
    Cure("posters never mirrored", "augmentation leaves left and right as they are", adds={"mirroring": False}),
    Cure("group normalisation", "in place of batch normalisation", adds={"normalization": "group"}),
    Cure("dropout in the blocks", "channels are dropped between convolutions", adds={"conv_dropout": 0.2}),
)

CURES: dict[str, tuple[Cure, ...]] = {
    "lstm": (
        *_WORDS,
        Cure("pooling over time", "means, maxima and attention, not the last state", without={"pooling": "last"}),
        Cure(
            "a smaller network",
            "one LSTM of 96 units over vectors of 128, and no dense layer",
            without={"embedding_units": 256, "first_lstm_units": 256, "second_lstm_units": 128, "dense_units": 128},
        ),
        Cure(
            "no dropout in the LSTM",
            "neither of its inputs nor of its state, words being dropped before it",
            without={"lstm_dropout": 0.5, "recurrent_dropout": 0.2},
        ),
        Cure("less dropout at the end", "half of the activations, not .8", without={"dense_dropout": 0.8}),
        _PRIOR,
        *_LEARNING,
        *_CONSTANT,
        _SMOOTHED,
        Cure("smaller batches", "32 films a step, not 64", without={"batch_size": 64}),
        *_BALANCE,
        _CLIPPING,
        Cure("dropout of the LSTM's inputs", "half of them, as in the coursework", adds={"lstm_dropout": 0.5}),
        Cure("recurrent dropout", "a fifth of the state, as in the coursework", adds={"recurrent_dropout": 0.2}),
    ),
    "cnn": (
        Cure("augmentation", "posters are mirrored, moved, zoomed, lit otherwise", without={"augmentation": 0.0}),
        Cure("residual blocks", "each pair of convolutions adds to what it was given", without={"residual": False}),
        Cure("batch normalisation", "after every convolution", without={"normalization": "none"}),
        Cure("mean pooling", "each channel's mean, not every place by itself", without={"pooling": "flatten"}),
        Cure("no dense layers", "the output sees the pooled channels directly", without={"dense_layers": 2}),
        Cure(
            "wider and deeper",
            "twice the first filters, and a fourth block",
            without={"stem_filters": 16, "block_filters": (32, 64, 128)},
        ),
        _PRIOR,
        _AVERAGED,
        *_LEARNING,
        _COSINE,
        Cure(
            "constant learning rate",
            "it is not lowered, and a slower average stands in for that",
            adds={"schedule": "constant", "ema": 0.998},
        ),
        _SMOOTHED,
        *_BALANCE,
        _CLIPPING,
        Cure("mixup", "posters and labels are mixed two by two", adds={"mixup": 0.3}),
        Cure("maxima beside means", "each channel's maximum too", adds={"pooling": "mean_max"}),
        *_POSTERS,
    ),
    "fusion": (
        Cure("augmentation", "posters are mirrored, moved, zoomed, lit otherwise", without={"augmentation": 0.0}),
        Cure("residual blocks", "each pair of convolutions adds to what it was given", without={"residual": False}),
        *_WORDS,
        Cure("pooling over time", "not the last state", without={"overview_pooling": "last"}),
        Cure(
            "branch dropout",
            "half of each branch's features are dropped",
            without={"branch_dropout": 0.0},
            adds={"branch_dropout": 0.5},
        ),
        Cure("fusion dropout", "half of the joint features are dropped", without={"fusion_dropout": 0.0}),
        Cure("modality dropout", "posters or overviews are hidden in training", without={"modality_dropout": 0.0}),
        _PRIOR,
        *_LEARNING,
        *_CONSTANT,
        _SMOOTHED,
        *_BALANCE,
        _CLIPPING,
        *_POSTERS,
    ),
}
"""By kind of model. What `best` changes and is no cure (epochs, the longest overview) is not listed."""


@dataclass(frozen=True)
class Variant:
    """One row of an ablation: a preset, or a preset with or without one cure."""

    name: str
    what: str
    group: Group
    cure: str
    """Name of its cure; empty for a preset itself."""
    settings: Mapping[str, Any]
    """Options that differ from the preset's."""
    against: str = ""
    """Name of the variant it is compared with; empty for the preset itself."""


def variants(
    cures: Sequence[Cure],
    base: tuple[Any, Any],
    coursework: tuple[Any, Any] | None,
    *,
    preset: str,
    on_coursework: bool = False,
) -> tuple[list[Variant], list[str]]:
    """Return what an ablation trains, presets first, and a line for each cure that says nothing about this preset.

    Args:
        cures: the remedies.
        base: recipe and model of the preset.
        coursework: those of the coursework; None where there are none of this kind.
        preset: the preset's name.
        on_coursework: also add each cure to the coursework alone.

    Raises:
        SearchSpaceError: a cure sets an option that does not exist.
    """
    found = [Variant(preset, f"the preset {preset}", "preset", "", {})]
    if coursework is not None and coursework != base:
        settings = _difference(base, coursework)
        found.append(Variant("coursework", "the notebook's model and recipe", "preset", "", settings, preset))
    left_out = []
    for cure in cures:
        had = cure.had_by(base)
        settings = _changes(base, cure.without if had else cure.adds)
        side: Group = "without" if had else "with"
        name = f"{preset} {side} {cure.name}"
        if not settings:
            told = "has none of it to take away" if had else "has it already"
            left_out.append(f"{cure.name}: {preset} {told}")
        elif why := _refused(base, settings):
            left_out.append(f"{cure.name}: {why}")
        else:
            found.append(Variant(name, cure.what, side, cure.name, settings, preset))
    if on_coursework and coursework is not None and coursework != base:
        for cure in cures:
            values = search_space.values_of(cure.without, *base) if cure.had_by(base) else cure.adds
            if not _changes(coursework, values) or _refused(coursework, values):
                continue
            settings = _difference(base, search_space.split(values, *coursework))
            name = f"coursework with {cure.name}"
            found.append(Variant(name, cure.what, "coursework with", cure.name, settings, "coursework"))
    return found, left_out


def _changes(owner: tuple[Any, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some values that are not the owner's already."""
    own = search_space.values_of(values, *owner)
    return {name: value for name, value in values.items() if own[name] != value}


def _difference(base: tuple[Any, Any], other: tuple[Any, Any]) -> dict[str, Any]:
    """Return the other's values of all options in which the two differ."""
    names = [option.name for part in base for option in fields(part)]
    return _changes(base, search_space.values_of(names, *other))


def _refused(owner: tuple[Any, Any], values: Mapping[str, Any]) -> str:
    """Return what recipe or model have against some values, or nothing."""
    try:
        search_space.split(values, *owner)
    except SearchSpaceError:
        raise
    except ValueError as error:
        return str(error)
    return ""


def read_cures(text: str, *, known: tuple[Any, Any], where: str) -> tuple[Cure, ...]:
    """Read cures from YAML: {NAME: {what: TEXT, without: {OPTION: VALUE}}}, `with` for those to add, or both.

    Args:
        text: the YAML.
        known: recipe and model: what options there are, and of what type.
        where: the file's name, for errors.

    Raises:
        SearchSpaceError: says where, which cure, and what is wrong.
    """
    try:
        told = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SearchSpaceError(f"{where} is not YAML: {error}") from error
    if not isinstance(told, Mapping) or not told:
        raise SearchSpaceError(f"{where} must map names of cures to what they set, not be {told!r:.60}")
    return tuple(_cure(str(name), values, known, where) for name, values in told.items())


def _cure(name: str, told: Any, known: tuple[Any, Any], where: str) -> Cure:
    sides = [side for side in ("without", "with") if isinstance(told, Mapping) and told.get(side)]
    if not sides or set(told) - {"what", "without", "with"}:
        raise SearchSpaceError(
            f"{where}: {name} must have options under `without` (what takes it away), under `with` (what adds it) or "
            f"both, and may have `what`; it is {told!r:.80}"
        )
    values = {side: settings_of(told[side], known=known, where=f"{where}: {name}") for side in sides}
    return Cure(name, str(told.get("what") or ""), without=values.get("without", {}), adds=values.get("with", {}))


def settings_of(told: Any, *, known: tuple[Any, Any], where: str) -> dict[str, Any]:
    """Return options with one value each, as YAML was read into a mapping, in the options' own types.

    Raises:
        SearchSpaceError: an option does not exist, or refuses its value.
    """
    if not isinstance(told, Mapping):
        raise SearchSpaceError(f"{where}: {told!r:.60} does not map options to values")
    # Each stands for itself: a list is the value of an option that is one, not a choice of several.
    _, fixed = search_space.overridden({}, {name: [value] for name, value in told.items()}, known=known, where=where)
    return fixed
