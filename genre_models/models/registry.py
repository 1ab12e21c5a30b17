"""The models of this project: what each is called, what it sees and how it is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from genre_models.models import fusion_gmu, overview_lstm, poster_cnn
from genre_models.models.search_space import SearchSpace


@dataclass(frozen=True)
class ModelSpec:
    """One kind of model."""

    key: str
    """Its name in options, files and figures."""
    label: str
    """Its name on a page."""
    modality: str
    """"poster", "overview" or "both": what it is fed."""
    what: str
    """One sentence on what it is."""
    config_class: type[Any]
    """The dataclass of its options."""
    build: Callable[..., Any]
    """`build(config, genres=number)` returns the Keras model."""
    search_space: SearchSpace
    """What a sweep varies, unless told otherwise."""

    @property
    def uses_poster(self) -> bool:
        """Return whether it is fed posters."""
        return self.modality in ("poster", "both")

    @property
    def uses_overview(self) -> bool:
        """Return whether it is fed overviews, and so has a vocabulary."""
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
    """Say why a model's LSTM cannot run on cuDNN's kernel, in a sentence; nothing where it can, or has none."""
    if not (dropped := getattr(config, "recurrent_dropout", 0.0)):
        return ""
    return (
        f"recurrent_dropout {dropped:g} rules out cuDNN's LSTM kernel, so the loop over words runs step by step: "
        "--recurrent-dropout 0 is many times as fast on a GPU"
    )
