"""The interface of a pretrained encoder, and the encoder that a model's options name."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from genre_models.weights.hugging_face import CONFIG, TOKENIZER, WEIGHTS

if TYPE_CHECKING:
    import keras

Source = Literal["poster", "overview"]
"""The part of a film that an encoder or a model takes."""
EncodePosters = Callable[[np.ndarray], np.ndarray]
"""Posters uint8 [films, height, width, 3] -> features float [films, units]."""

# Tokens per batch, padding included: enough to use all cores, with little memory for attention.
_TOKENS_AT_A_TIME = 4096


@dataclass(frozen=True)
class Backbone:
    """An encoder as specified by a model's options."""

    name: str
    """Option `backbone`: a name of `registry.ENCODERS`, or a class of keras.applications."""
    weights: str = ""
    """Option `backbone_weights`."""
    height: int = 0
    """Poster height in pixels; 0 for a text encoder."""
    width: int = 0

    @property
    def path(self) -> Path | None:
        """Return the path of the weights; None for those of the installed package."""
        return Path(self.weights).expanduser() if self.weights else None


class Encoder(ABC):
    """A pretrained encoder by name; importing one must not import Keras."""

    name: str
    """Value of the option `backbone`, and the name in checkpoints and in a store's features."""
    source: ClassVar[Source]
    known: str = ""
    """SHA-256 of the installed package's weights; empty for an encoder without published ones."""
    in_folder = False
    """Whether the option `backbone_weights` names a folder, not a file."""
    digest_needs_keras = False
    """Whether `digest` loads the network, so that it runs in a process of its own."""

    @abstractmethod
    def weights_file(self, given: Path | None) -> Path:
        """Return the file of the weights: of the given path, or of the installed package.

        Raises:
            FileNotFoundError: it does not exist.
        """

    def files(self, given: Path | None) -> list[Path]:
        """Return all files that the encoder is built of; raises as `weights_file`."""
        return [self.weights_file(given)]

    @abstractmethod
    def input_size(self, backbone: Backbone) -> str:
        """Return its input's size as a word, for the names of features."""

    @abstractmethod
    def build(self, backbone: Backbone) -> keras.Model:
        """Build the network with its weights.

        A text encoder maps token ids int32 [B, T], 0 = padding on the right, -> float [B, T, D]; an image encoder
        pictures [B, H, W, 3] of 0 to 255 -> float [B, D].

        Raises:
            FileNotFoundError: the weights do not exist.
            ImportError: a required package is not installed.
            OSError: they cannot be read or downloaded.
            ValueError: they belong to another network, or the network does not exist.
        """

    @abstractmethod
    def stages(self, model: keras.Model) -> list[list[keras.Layer]]:
        """Return the layers of each block that can be fine-tuned, first block first."""

    def network(self, model: keras.Model) -> keras.Model:
        """Return the part of `build`'s model that has the weights."""
        return model

    def digest(self, backbone: Backbone) -> str:
        """Return the hexadecimal SHA-256 of the weights file; raises as `build`.

        Raises:
            ValueError: those of the installed package are not the known ones; others are named by their file.
        """
        path = self.weights_file(backbone.path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if backbone.path is None and self.known and digest != self.known:
            raise ValueError(
                f"{path} has the SHA-256 {digest}, and the weights of {self.name} have {self.known}: the file is "
                "damaged or has been exchanged. Install its package again, or name the file to use it all the same"
            )
        return digest


class ImageEncoder(Encoder):
    """An encoder of posters."""

    source = "poster"

    def input_size(self, backbone: Backbone) -> str:
        """Return the size of the posters it takes, such as "192x128"."""
        return f"{backbone.height}x{backbone.width}"

    def load(self, backbone: Backbone) -> EncodePosters:
        """Load the frozen encoder with its weights; raises as `build`."""
        model = self.build(backbone)
        return lambda posters: np.asarray(model.predict_on_batch(posters))


class TextEncoder(Encoder):
    """An encoder of overviews: a folder with its weights and its tokenizer."""

    source = "overview"
    in_folder = True
    max_tokens: int
    """Tokens of an overview that it encodes: the maximum that it was trained with."""

    @abstractmethod
    def folder(self, given: Path | None) -> Path:
        """Return the folder with the weights and tokenizer.json; raises as `weights_file`."""

    def positions(self, model: keras.Model) -> int:
        """Return the maximum number of tokens of `build`'s model, from its embedding of positions (512)."""
        return int(model.get_layer("positions").input_dim)

    def weights_file(self, given: Path | None) -> Path:
        """Return the file of the weights; raises FileNotFoundError where there is none."""
        return self.folder(given) / WEIGHTS

    def files(self, given: Path | None) -> list[Path]:
        """Return the configuration, the weights and the tokenizer; raises as `weights_file`."""
        folder = self.folder(given)
        return [folder / name for name in (CONFIG, WEIGHTS, TOKENIZER)]

    def input_size(self, backbone: Backbone) -> str:
        """Return the number of tokens it takes, such as "256-tokens"."""
        del backbone
        return f"{self.max_tokens}-tokens"

    def load(self, backbone: Backbone) -> TokenEncoder:
        """Load the frozen encoder with its weights; raises as `build`."""
        model = self.build(backbone)
        # Keras would compile the network by XLA for each shape of a batch anew, and hardly two have the same.
        model.jit_compile = False
        return TokenEncoder(model, self.positions(model))


class TokenEncoder:
    """A frozen text encoder on numpy arrays, in batches of overviews of similar length."""

    def __init__(self, model: keras.Model, max_tokens: int) -> None:
        """Take a network and its maximum T: ids int32 [B, T] -> states float [B, T, D]."""
        self._model, self.max_tokens = model, max_tokens

    @property
    def units(self) -> int:
        """Return D, the length of a token's state."""
        return int(self._model.output.shape[-1])

    def token_states(self, ids: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
        """Return each film's token states, float16 [length, D], in input order.

        `ids` int32 [films, T] and `lengths` int [films] are the result of
        `datasets.text.pretrained_tokenizer.WordPiece.encode`. float16 keeps three digits of values that rarely exceed
        5, in half the memory.

        Raises:
            ValueError: an overview is longer than `max_tokens`.
        """
        # On a GPU the lookup of such a position silently returns zeros.
        if lengths.max(initial=0) > self.max_tokens:
            raise ValueError(f"an overview has {lengths.max()} tokens, and this encoder reads {self.max_tokens}")
        states: list[np.ndarray] = [np.empty(0)] * len(ids)
        for films, batch in self._batches(ids, lengths):
            for film, state in zip(films, batch.astype(np.float16), strict=True):
                # A copy: a view would keep the whole padded batch in memory.
                states[film] = state[: lengths[film]].copy()
        return states

    def _batches(self, ids: np.ndarray, lengths: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the film indices int [n] and states float32 [n, longest, D] of each batch."""
        # Longest first: a batch too large for the memory fails at once.
        order = np.argsort(-lengths, kind="stable")
        while len(order):
            longest = int(lengths[order[0]])
            films, order = np.split(order, [max(1, _TOKENS_AT_A_TIME // longest)])
            yield films, np.asarray(self._model.predict_on_batch(ids[films, :longest]))


def sentence_embeddings(states: Sequence[np.ndarray]) -> np.ndarray:
    """Return the normalised mean of each film's states [length, D], float32 [films, D].

    As in sentence-transformers the mean includes [CLS] and [SEP].
    """
    vectors = np.stack([state.mean(axis=0, dtype=np.float32) for state in states])
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
