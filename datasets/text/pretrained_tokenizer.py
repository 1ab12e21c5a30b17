"""The tokenizer of a pretrained text encoder, read from its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

_FEWEST = 3  # the first and the last token, and one of the overview


class WordPiece:
    """A Hugging Face tokenizer (`tokenizer.json`) with the interface of `Vocabulary`; id 0 is padding.

    Words are split into known pieces (Wu et al. 2016), and every overview is enclosed in the encoder's first and last
    token, [CLS] and [SEP]. Where the file pads with another id (MPNet's with 1), that id and 0 are exchanged, as their
    embeddings are in the encoder.
    """

    def __init__(self, source: Path | str) -> None:
        """Read the tokenizer from a folder, or from the text of a `tokenizer.json`.

        An example of a folder is `genre_models.encoders.minilm.minilm_folder()`.

        Raises:
            FileNotFoundError: the folder has no tokenizer.
            ImportError: the package `tokenizers` is not installed.
            ValueError: the tokenizer cannot be read, or has no padding.
        """
        where: Path | str = "the text given"
        if isinstance(source, Path):
            where = source / "tokenizer.json"
            source = tokenizer_text(source)
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ImportError(
                "a pretrained text encoder needs the package tokenizers: `pip install -e '.[pretrained]'`"
            ) from error
        try:
            self._tokenizer = Tokenizer.from_str(source)
        except Exception as error:  # the package raises plain Exceptions
            raise ValueError(f"{where} is no tokenizer ({error})") from error
        self._padding = self._padding_id(where)
        # `encode` pads to `max_tokens`; the file's own padding is of fixed length.
        self._tokenizer.no_padding()
        self._longest = 0
        self._unknown = self._tokenizer.token_to_id("[UNK]")

    def __len__(self) -> int:
        """Return the number of ids, padding and unknown included."""
        return int(self._tokenizer.get_vocab_size())

    def _padding_id(self, where: Path | str) -> int:
        """Return the file's id of padding; raise ValueError where it has none."""
        names = ("<pad>", "[PAD]")  # MPNet has both, and pads with the first
        ids = [found for name in names if (found := self._tokenizer.token_to_id(name)) is not None]
        padding = (self._tokenizer.padding or {}).get("pad_id", ids[0] if ids else None)
        if padding is None:
            raise ValueError(f"{where} has no token for padding: none of {', '.join(names)}")
        return int(padding)

    def encode(self, overviews: Sequence[str], *, max_tokens: int) -> tuple[np.ndarray, np.ndarray]:
        """Return right-padded token ids int32 [films, max_tokens], and lengths int32 [films], at least 2.

        Longer overviews are truncated, with [SEP] as last token. An overview without a known piece is [CLS] and [SEP]
        alone, like an empty one.
        """
        if max_tokens < _FEWEST:
            raise ValueError(f"max_tokens must be at least {_FEWEST} ([CLS], a word, [SEP]), not {max_tokens}")
        if max_tokens != self._longest:  # once: it must not change while another thread encodes
            self._tokenizer.enable_truncation(max_tokens)
            self._longest = max_tokens
        exchanged = {0: self._padding, self._padding: 0}
        ids = np.zeros((len(overviews), max_tokens), np.int32)
        lengths = np.zeros(len(overviews), np.int32)
        for row, encoded in enumerate(self._tokenizer.encode_batch(list(overviews))):
            known = encoded.ids
            if len(known) > _FEWEST - 1 and all(piece == self._unknown for piece in known[1:-1]):
                known = [known[0], known[-1]]
            lengths[row] = len(known)
            ids[row, : lengths[row]] = [exchanged.get(piece, piece) for piece in known]
        return ids, lengths

    def unknown_share(self, overviews: Sequence[str]) -> float:
        """Return the share of the overviews' pieces that the encoder does not know."""
        self._tokenizer.no_truncation()
        self._longest = 0
        encoded = self._tokenizer.encode_batch(list(overviews), add_special_tokens=False)
        unknown = sum(piece == self._unknown for film in encoded for piece in film.ids)
        return unknown / max(1, sum(len(film.ids) for film in encoded))


def tokenizer_text(folder: Path) -> str:
    """Return the text of a folder's tokenizer; raise FileNotFoundError where it is missing."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no tokenizer.json: it is no folder of a pretrained text encoder")
    return path.read_text(encoding="utf-8")
