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

    def __init__(self, source: Path | str) -> None:
        """Read the tokenizer of a folder with a `tokenizer.json`, such as
        `genre_models.encoders.minilm.minilm_folder()`, or the text of such a file.

        Raises:
            FileNotFoundError: the folder has no tokenizer.
            ImportError: the package `tokenizers` is not installed.
            ValueError: the tokenizer cannot be read, or does not pad with id 0.
        """
        where: Path | str = "the text given"
        if isinstance(source, Path):
            where = source / "tokenizer.json"
            source = tokenizer_text(source)
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ImportError(
                "a pretrained text encoder needs the package tokenizers: `pip install 'film-genres[pretrained]'`"
            ) from error
        try:
            self._tokenizer = Tokenizer.from_str(source)
        except Exception as error:  # its own errors are plain Exceptions
            raise ValueError(f"{where} is no tokenizer ({error})") from error
        if (self._tokenizer.padding or {}).get("pad_id", self._tokenizer.token_to_id("[PAD]")) != 0:
            raise ValueError(f"{where} does not pad with id 0, as models here take for granted")
        # Padded here, to the length asked for; the file's own setting is a fixed one.
        self._tokenizer.no_padding()
        self._unknown = self._tokenizer.token_to_id("[UNK]")

    def __len__(self) -> int:
        """Return the number of ids, padding and unknown included."""
        return int(self._tokenizer.get_vocab_size())

    def encode(self, overviews: Sequence[str], *, max_tokens: int) -> tuple[np.ndarray, np.ndarray]:
        """Return token ids int32 [films, max_tokens], padded on the right, and lengths int32 [films], at least 2.

        What is longer is cut, and keeps its last token [SEP]. An overview without a known piece is [CLS] and [SEP]
        alone, as an empty one is.
        """
        if max_tokens < _FEWEST:
            raise ValueError(f"max_tokens must be at least {_FEWEST} ([CLS], a word, [SEP]), not {max_tokens}")
        self._tokenizer.enable_truncation(max_tokens)
        ids = np.zeros((len(overviews), max_tokens), np.int32)
        lengths = np.zeros(len(overviews), np.int32)
        for row, encoded in enumerate(self._tokenizer.encode_batch(list(overviews))):
            known = encoded.ids
            if len(known) > _FEWEST - 1 and all(piece == self._unknown for piece in known[1:-1]):
                known = [known[0], known[-1]]
            lengths[row] = len(known)
            ids[row, : lengths[row]] = known
        return ids, lengths


def tokenizer_text(folder: Path) -> str:
    """Return the text of a folder's tokenizer; raises FileNotFoundError where there is none."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no tokenizer.json: it is no folder of a pretrained text encoder")
    return path.read_text(encoding="utf-8")
