"""Overviews to the token ids of a pretrained text encoder: its own tokenizer, read from the file it came with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

_FEWEST = 3  # the first and the last token, and one of the overview


class WordPiece:
    """A Hugging Face tokenizer (`tokenizer.json`) used as `Vocabulary` is; id 0 is padding.

    Words are cut into known pieces (Wu et al. 2016), and every overview stands between the encoder's first and last
    token, [CLS] and [SEP].
    """

    def __init__(self, folder: Path) -> None:
        """Read the tokenizer of a folder with a `tokenizer.json`, such as `genre_models.minilm.minilm_folder()`.

        Raises:
            FileNotFoundError: the folder has no tokenizer.
            ImportError: the package `tokenizers` is not installed.
            ValueError: the tokenizer cannot be read, or does not pad with id 0.
        """
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise FileNotFoundError(f"{folder} holds no tokenizer.json: it is no folder of a pretrained text encoder")
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ImportError(
                "a pretrained text encoder needs the package tokenizers: `pip install 'film-genres[pretrained]'`"
            ) from error
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # its own errors are plain Exceptions
            raise ValueError(f"{path} is no tokenizer ({error})") from error
        if (self._tokenizer.padding or {}).get("pad_id", self._tokenizer.token_to_id("[PAD]")) != 0:
            raise ValueError(f"{path} does not pad with id 0, as models here take for granted")
        # Padded here, to the length asked for; the file's own setting is a fixed one.
        self._tokenizer.no_padding()

    def __len__(self) -> int:
        """Return the number of ids, padding and unknown included."""
        return int(self._tokenizer.get_vocab_size())

    def encode(self, overviews: Sequence[str], *, max_tokens: int) -> tuple[np.ndarray, np.ndarray]:
        """Return token ids int32 [films, max_tokens], padded on the right, and lengths int32 [films], at least 2.

        What is longer is cut, and keeps its last token [SEP]. An empty overview is [CLS] and [SEP] alone.
        """
        if max_tokens < _FEWEST:
            raise ValueError(f"max_tokens must be at least {_FEWEST} ([CLS], a word, [SEP]), not {max_tokens}")
        self._tokenizer.enable_truncation(max_tokens)
        ids = np.zeros((len(overviews), max_tokens), np.int32)
        lengths = np.zeros(len(overviews), np.int32)
        for row, encoded in enumerate(self._tokenizer.encode_batch(list(overviews))):
            lengths[row] = len(encoded.ids)
            ids[row, : lengths[row]] = encoded.ids
        return ids, lengths
