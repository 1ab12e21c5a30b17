"""Modality dropout and missing modalities of the joint model.

Runs on any Keras backend.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from genre_models.layers.registration import saved_as

FIRST_WORD = 2
"""Lowest token id of a known word; 0 is padding, 1 an unknown word."""
ENDS = 2
"""Special tokens that a pretrained encoder's tokenizer puts around every overview, even an empty one."""


@saved_as("AbsentModalities")
class MissingModality(keras.layers.Layer):
    """Learned vectors that replace the features of missing posters and overviews.

    A poster is missing if all its pixels or features are 0. An overview is missing if it has no known word or, as
    features of a pretrained encoder, at most two tokens.

    In training the share `hidden` of the films lose their poster and as many others their overview, never both
    ("ModDrop", Neverova et al. 2016, §4.2). A film that lacks one of the two keeps the other.
    """

    def __init__(self, hidden: float = 0.0, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        if not 0 <= hidden <= 0.5:
            raise ValueError(f"hidden must be 0 to 0.5, not {hidden}")
        self.hidden, self.seed = hidden, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(
        self, of_poster_shape: Any, of_overview_shape: Any, poster_shape: Any = None, tokens_shape: Any = None
    ) -> None:
        """Create the two vectors, initialised with small random values."""
        del poster_shape, tokens_shape
        self.no_poster = self.add_weight(shape=of_poster_shape[-1:], initializer="random_normal", name="no_poster")
        self.no_overview = self.add_weight(
            shape=of_overview_shape[-1:], initializer="random_normal", name="no_overview"
        )

    def call(self, of_poster: Any, of_overview: Any, poster: Any, tokens: Any, training: bool = False) -> Any:
        """Return poster features [B, P], overview features [B, Q] and an overview mask.

        The mask is float32 [B, 1]: 1 with an overview, 0 without.

        Args:
            of_poster: features [B, P].
            of_overview: features [B, Q].
            poster: posters [B, H, W, 3], or an encoder's features [B, views, units].
            tokens: token ids int [B, T], or an encoder's token vectors [B, T, units].
            training: whether modality dropout is applied.
        """
        see = ops.any(ops.not_equal(poster, 0), axis=tuple(range(1, len(poster.shape))))
        if len(tokens.shape) == 3:
            real = ops.any(ops.not_equal(tokens, 0), axis=-1)
            read = ops.count_nonzero(real, axis=1) > ENDS
        else:
            read = ops.any(ops.greater_equal(tokens, FIRST_WORD), axis=1)
        if training and self.hidden:
            chance = keras.random.uniform(ops.shape(see), seed=self.seed_generator)
            both = ops.logical_and(see, read)
            see = ops.logical_and(see, ops.logical_not(ops.logical_and(both, chance < self.hidden)))
            read = ops.logical_and(read, ops.logical_not(ops.logical_and(both, chance >= 1 - self.hidden)))
        return (
            ops.where(see[:, None], of_poster, ops.cast(self.no_poster, of_poster.dtype)),
            ops.where(read[:, None], of_overview, ops.cast(self.no_overview, of_overview.dtype)),
            ops.cast(read[:, None], "float32"),
        )

    def get_config(self) -> dict[str, Any]:
        """Return the layer's constructor arguments."""
        return {**super().get_config(), "hidden": self.hidden, "seed": self.seed}
