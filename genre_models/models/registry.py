"""The registry of models: names, inputs, options, builders and search spaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from genre_models.models import fusion_gmu, overview_lstm, poster_cnn
from genre_models.models.search_space import SearchSpace


@dataclass(frozen=True)
class ModelSpec:
    """A kind of model."""

    key: str
    """Name in options, files and results."""
    label: str
    """Name on pages."""
    modality: str
    """Inputs: "poster", "overview" or "both"."""
    what: str
    """Description in one sentence."""
    config_class: type[Any]
    """Dataclass of the options."""
    build: Callable[..., Any]
    """`build(config, genres=number)` returns the Keras model."""
    search_space: SearchSpace
    """Default search space of sweeps."""

    @property
    def uses_poster(self) -> bool:
        """Return whether the model uses posters."""
        return self.modality in ("poster", "both")

    @property
    def uses_overview(self) -> bool:
        """Return whether the model uses overviews, and so has a vocabulary."""
        return self.modality in ("overview", "both")


REGISTRY: dict[str, ModelSpec] = {
    kind.key: kind
    for kind in (
        ModelSpec(
            "cnn",
            "Poster CNN",
            "poster",
            "a convolutional network that sees the poster alone",
            poster_cnn.PosterCNN,
            poster_cnn.build,
            poster_cnn.SEARCH_SPACE,
        ),
        ModelSpec(
            "lstm",
            "Overview LSTM",
            "overview",
            "a bidirectional LSTM that reads the overview alone",
            overview_lstm.OverviewLSTM,
            overview_lstm.build,
            overview_lstm.SEARCH_SPACE,
        ),
        ModelSpec(
            "fusion",
            "Poster + overview fusion",
            "both",
            "a convolutional network and a bidirectional LSTM whose answers a learned gate weighs film by film",
            fusion_gmu.FusionGMU,
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
