"""The registry of models: names, inputs, options, builders and search spaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from genre_models.models import fusion_gmu, overview_lstm, poster_cnn
from genre_models.models.input_spec import InputSpec
from genre_models.models.search_space import SearchSpace


@dataclass(frozen=True)
class ModelSpec:
    """A kind of model."""

    key: str
    """Name in options, files and results."""
    label: str
    """Name on pages."""
    description: str
    """Description in one sentence."""
    config_class: type[Any]
    """Dataclass of the options."""
    inputs: Callable[[Any], InputSpec]
    """`inputs(config)` resolves the model's inputs, as far as its options say."""
    build: Callable[..., Any]
    """`build(config, genres=number)` returns the Keras model."""
    search_space: SearchSpace
    """Default search space of sweeps."""

    @property
    def modality(self) -> str:
        """Return the inputs in a word: "poster", "overview" or "both"."""
        return self.inputs(self.config_class()).modality


REGISTRY: dict[str, ModelSpec] = {
    kind.key: kind
    for kind in (
        ModelSpec(
            "cnn",
            "Poster CNN",
            "a network that looks at the poster alone, for shapes and colours (a convolutional network)",
            poster_cnn.PosterCNN,
            poster_cnn.inputs,
            poster_cnn.build,
            poster_cnn.SEARCH_SPACE,
        ),
        ModelSpec(
            "lstm",
            "Overview LSTM",
            "a network that reads the overview alone, word by word in both directions (a bidirectional LSTM)",
            overview_lstm.OverviewLSTM,
            overview_lstm.inputs,
            overview_lstm.build,
            overview_lstm.SEARCH_SPACE,
        ),
        ModelSpec(
            "fusion",
            "Poster + overview fusion",
            "a network of both that learns film by film whether to trust poster or overview (CNN, LSTM and gate)",
            fusion_gmu.FusionGMU,
            fusion_gmu.inputs,
            fusion_gmu.build,
            fusion_gmu.SEARCH_SPACE,
        ),
    )
}


def without_cudnn(config: Any) -> str:
    """Return why a model's LSTM cannot use cuDNN's kernel; empty if it can, or without an LSTM."""
    if not (dropped := getattr(config, "recurrent_dropout", 0.0)):
        return ""
    return (
        f"recurrent_dropout {dropped:g} rules out cuDNN's LSTM kernel, so the loop over words runs step by step: "
        "--recurrent-dropout 0 is many times as fast on a GPU"
    )
