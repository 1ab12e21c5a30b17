"""Components of each model, and the ablation runs that measure their effects.

A component that a preset has is taken away by `ablated`: the coursework's values of its options. One that the preset
leaves off is added by `added`. Of a component with both, the preset decides. A file of one's own has the same, in
YAML (`read_components`; docs/tuning.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from genre_models.models import search_space
from genre_models.models.option_checks import parse_yaml, shown
from genre_models.models.search_space import SearchSpaceError

Group = Literal["preset", "without", "with", "coursework with"]


@dataclass(frozen=True)
class Component:
    """One option, or a few that belong together."""

    name: str
    description: str
    """Its description in plain words."""
    ablated: Mapping[str, Any] = field(default_factory=dict)
    """Values that take it away from a preset that has it."""
    added: Mapping[str, Any] = field(default_factory=dict)
    """Values that add it to a preset that leaves it off."""

    def __post_init__(self) -> None:
        if not self.ablated and not self.added:
            raise SearchSpaceError(f"the component {self.name} must have options without it, with it, or both")

    def is_in(self, preset: tuple[Any, Any]) -> bool:
        """Return whether the preset has the component, so that the ablation removes it."""
        return bool(self.ablated) and (not self.added or bool(_changes(preset, self.ablated)))


_LEARNING = (
    Component("higher learning rate", "steps many times as long as the coursework's", ablated={"learning_rate": 1e-4}),
    Component("weight decay", "AdamW takes a little off the weights at every step", ablated={"weight_decay": 0.0}),
)
_COURSEWORKS_RATE = {"schedule": "hold_then_decay", "warmup_epochs": 0}
_COSINE = Component(
    "cosine schedule",
    "the learning rate falls to near 0, after a warm-up where the preset has one",
    ablated=_COURSEWORKS_RATE,
)
_AVERAGED = Component("averaged weights", "a moving average of the weights predicts", ablated={"ema_decay": 0.0})
_CONSTANT = (
    Component(
        "constant learning rate",
        "it is not lowered, for averaging stands in for that",
        ablated=_COURSEWORKS_RATE,
    ),
    _AVERAGED,
    Component("cosine schedule", "the learning rate falls to near 0, beside averaging", added={"schedule": "cosine"}),
    Component("cosine, no average", "the same in place of averaging", added={"schedule": "cosine", "ema_decay": 0.0}),
)
_SMOOTHED = Component(
    "label smoothing",
    "targets a little above 0 and below 1",
    ablated={"label_smoothing": 0.0},
    added={"label_smoothing": 0.05},
)
_BALANCE = (
    Component("focal loss", "counts less what the model is sure of and right about", added={"loss": "focal"}),
    Component("asymmetric loss", "does so for genres that a film has not", added={"loss": "asymmetric"}),
    Component(
        "weights by inverse frequency",
        "a film counts more for its rare genres, by 1 / films",
        added={"genre_weights": "inverse_frequency"},
    ),
    Component(
        "weights by effective number",
        "a film counts more for its rare genres, by 1 / effective number of films",
        added={"genre_weights": "effective_number"},
    ),
    Component("oversampling", "half of an epoch's films are drawn, rare genres first", added={"oversample_share": 0.5}),
)
_CLIPPING = Component("gradient clipping", "a step's gradient is never longer than 1", added={"clip_norm": 1.0})
_PRIOR = Component(
    "start at the prior",
    "the model begins with each genre's share of the films",
    ablated={"init_bias_from_prior": False},
)
_WORDS = (
    Component(
        "better words",
        "words less their endings, rare ones unknown, in place of splitting at white space",
        ablated={"tokenizer": "split", "min_count": 1},
    ),
    Component(
        "word vectors from an SVD",
        "words' vectors start from which words share overviews",
        ablated={"embedding_init": "random"},
    ),
    Component(
        "pieces of words",
        "pieces that the overviews teach, not words less their endings",
        added={"tokenizer": "subwords"},
    ),
    Component("word dropout", "words of an overview are dropped whole", ablated={"word_dropout": 0.0}),
    Component("embedding dropout", "channels of the words' vectors are dropped", ablated={"embedding_dropout": 0.0}),
    Component(
        "bag of words beside", "the words' vectors, summed, go to the output too", ablated={"bow_embedding": False}
    ),
    Component("votes of single words", "each word also votes for genres by itself", ablated={"bow_logits": False}),
)
_POSTERS = (
    Component("random erasing", "a rectangle is wiped out of every other poster", added={"random_erasing": 0.5}),
    Component("colour jitter", "the saturation of posters is varied", added={"colour_jitter": 0.5}),
    Component(
        "posters never mirrored", "augmentation leaves left and right as they are", added={"horizontal_flip": False}
    ),
    Component("group normalisation", "in place of batch normalisation", added={"normalization": "group"}),
    Component("dropout in the blocks", "channels are dropped between convolutions", added={"conv_dropout": 0.2}),
)

ABLATION_COMPONENTS: dict[str, tuple[Component, ...]] = {
    "lstm": (
        *_WORDS,
        Component("pooling over time", "means, maxima and attention, not the last state", ablated={"pooling": "last"}),
        Component(
            "a smaller network",
            "one LSTM of 96 units over vectors of 128, and no dense layer",
            ablated={"embedding_units": 256, "first_lstm_units": 256, "second_lstm_units": 128, "dense_units": 128},
        ),
        Component(
            "no dropout in the LSTM",
            "neither of its inputs nor of its state, words being dropped before it",
            ablated={"lstm_dropout": 0.5, "recurrent_dropout": 0.2},
        ),
        Component("less dropout at the end", "half of the activations, not .8", ablated={"dense_dropout": 0.8}),
        _PRIOR,
        *_LEARNING,
        *_CONSTANT,
        _SMOOTHED,
        Component("smaller batches", "32 films a step, not 64", ablated={"batch_size": 64}),
        *_BALANCE,
        _CLIPPING,
        Component("dropout of the LSTM's inputs", "half of them, as in the coursework", added={"lstm_dropout": 0.5}),
        Component("recurrent dropout", "a fifth of the state, as in the coursework", added={"recurrent_dropout": 0.2}),
    ),
    "cnn": (
        Component("augmentation", "posters are mirrored, moved, zoomed, lit otherwise", ablated={"augmentation": 0.0}),
        Component(
            "residual blocks", "each pair of convolutions adds to what it was given", ablated={"residual": False}
        ),
        Component("batch normalisation", "after every convolution", ablated={"normalization": "none"}),
        Component("mean pooling", "each channel's mean, not every place by itself", ablated={"pooling": "flatten"}),
        Component("no dense layers", "the output sees the pooled channels directly", ablated={"dense_layers": 2}),
        Component(
            "wider and deeper",
            "twice the first filters, and a fourth block",
            ablated={"stem_filters": 16, "block_filters": (32, 64, 128)},
        ),
        _PRIOR,
        _AVERAGED,
        *_LEARNING,
        _COSINE,
        Component(
            "constant learning rate",
            "it is not lowered, and a slower average stands in for that",
            added={"schedule": "constant", "ema_decay": 0.998},
        ),
        _SMOOTHED,
        *_BALANCE,
        _CLIPPING,
        Component("mixup", "posters and labels are mixed two by two", added={"mixup": 0.3}),
        Component("maxima beside means", "each channel's maximum too", added={"pooling": "mean_max"}),
        *_POSTERS,
    ),
    "fusion": (
        Component("augmentation", "posters are mirrored, moved, zoomed, lit otherwise", ablated={"augmentation": 0.0}),
        Component(
            "residual blocks", "each pair of convolutions adds to what it was given", ablated={"residual": False}
        ),
        *_WORDS,
        Component("pooling over time", "not the last state", ablated={"overview_pooling": "last"}),
        Component(
            "branch dropout",
            "half of each branch's features are dropped",
            ablated={"branch_dropout": 0.0},
            added={"branch_dropout": 0.5},
        ),
        Component("fusion dropout", "half of the joint features are dropped", ablated={"fusion_dropout": 0.0}),
        Component("modality dropout", "posters or overviews are hidden in training", ablated={"modality_dropout": 0.0}),
        _PRIOR,
        *_LEARNING,
        *_CONSTANT,
        _SMOOTHED,
        *_BALANCE,
        _CLIPPING,
        *_POSTERS,
    ),
}
"""By kind of model. What `best` changes and is no component (epochs, the longest overview) is not listed."""


@dataclass(frozen=True)
class Variant:
    """One row of an ablation: a preset, or a preset with or without one component."""

    name: str
    description: str
    group: Group
    component: str
    """Name of its component; empty for a preset itself."""
    settings: Mapping[str, Any]
    """Options that differ from the preset's."""
    against: str = ""
    """Name of the variant it is compared with; empty for the preset itself."""


def variants(
    components: Sequence[Component],
    base: tuple[Any, Any],
    coursework: tuple[Any, Any] | None,
    *,
    preset: str,
    on_baseline: bool = False,
) -> tuple[list[Variant], list[str]]:
    """Return an ablation's variants, presets first, and a line for each skipped component.

    Args:
        components: the components to take away or to add.
        base: recipe and model of the preset.
        coursework: those of the coursework; None where there are none of this kind.
        preset: the preset's name.
        on_baseline: also add each component to the coursework alone.

    Raises:
        SearchSpaceError: a component sets an option that does not exist.
    """
    chosen = [Variant(preset, f"the preset {preset}", "preset", "", {})]
    if coursework is not None and coursework != base:
        settings = _difference(base, coursework)
        chosen.append(Variant("coursework", "the notebook's model and recipe", "preset", "", settings, preset))
    skipped = []
    for component in components:
        had = component.is_in(base)
        settings = _changes(base, component.ablated if had else component.added)
        side: Group = "without" if had else "with"
        name = f"{preset} {side} {component.name}"
        if not settings:
            reason = "has none of it to take away" if had else "has it already"
            skipped.append(f"{component.name}: {preset} {reason}")
        elif reason := _refused(base, settings):
            skipped.append(f"{component.name}: {reason}")
        else:
            chosen.append(Variant(name, component.description, side, component.name, settings, preset))
    if on_baseline and coursework is not None and coursework != base:
        for component in components:
            values = search_space.values_of(component.ablated, *base) if component.is_in(base) else component.added
            if not _changes(coursework, values) or _refused(coursework, values):
                continue
            settings = _difference(base, search_space.split(values, *coursework))
            name = f"coursework with {component.name}"
            chosen.append(
                Variant(name, component.description, "coursework with", component.name, settings, "coursework")
            )
    return chosen, skipped


def _changes(owner: tuple[Any, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some values that are not the owner's already."""
    own = search_space.values_of(values, *owner)
    return {name: value for name, value in values.items() if own[name] != value}


def _difference(base: tuple[Any, Any], other: tuple[Any, Any]) -> dict[str, Any]:
    """Return the other's values of all options in which the two differ."""
    names = [option.name for part in base for option in fields(part)]
    return _changes(base, search_space.values_of(names, *other))


def _refused(owner: tuple[Any, Any], values: Mapping[str, Any]) -> str:
    """Return the reason why recipe or model refuse some values, or nothing."""
    try:
        search_space.split(values, *owner)
    except SearchSpaceError:
        raise
    except ValueError as error:
        return str(error)
    return ""


def read_components(text: str, *, known: tuple[Any, Any], where: str) -> tuple[Component, ...]:
    """Read components from YAML: {NAME: {description: TEXT, ablated: {OPTION: VALUE}, added: {OPTION: VALUE}}}.

    One of `ablated` and `added` is enough. The keys of the version before (what, without, with) are read too.

    Args:
        text: the YAML.
        known: recipe and model: what options there are, and of what type.
        where: the file's name, for errors.

    Raises:
        SearchSpaceError: says where, which component, and what is wrong.
    """
    try:
        entries = parse_yaml(text)
    except ValueError as error:
        raise SearchSpaceError(f"{where} is not YAML: {error}") from error
    if not isinstance(entries, Mapping) or not entries:
        raise SearchSpaceError(f"{where} must map names of components to what they set, not be {shown(entries)}")
    return tuple(_component(str(name), values, known, where) for name, values in entries.items())


def _component(name: str, entry: Any, known: tuple[Any, Any], where: str) -> Component:
    keys = {"what": "description", "without": "ablated", "with": "added"}  # of the version before
    entry = {keys.get(key, key): value for key, value in entry.items()} if isinstance(entry, Mapping) else entry
    sides = [side for side in ("ablated", "added") if isinstance(entry, Mapping) and entry.get(side)]
    if not sides or set(entry) - {"description", "ablated", "added"}:
        raise SearchSpaceError(
            f"{where}: {name} must have options under `ablated` (what takes it away), under `added` (what adds it) or "
            f"both, and may have a `description`; it is {shown(entry)}"
        )
    values = {side: settings_of(entry[side], known=known, where=f"{where}: {name}") for side in sides}
    return Component(name, str(entry.get("description") or ""), **values)


def settings_of(values: Any, *, known: tuple[Any, Any], where: str) -> dict[str, Any]:
    """Parse a mapping from YAML to options, in the options' own types.

    Raises:
        SearchSpaceError: an option does not exist, or refuses its value.
    """
    if not isinstance(values, Mapping):
        raise SearchSpaceError(f"{where}: {shown(values)} does not map options to values")
    # Each stands for itself: a list is the value of an option that is one, not a choice of several.
    _, fixed = search_space.overridden({}, {name: [value] for name, value in values.items()}, known=known, where=where)
    return fixed
