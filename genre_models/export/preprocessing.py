"""Posters as pixels and overviews as token ids for an exported model; needs numpy and Pillow, and no other file.

>>> from preprocessing import poster_pixels, token_ids
>>> poster_pixels("alien.jpg", height=64, width=64)  # uint8 [64, 64, 3]
>>> token_ids("A crew wakes up far from home.", tokens, tokenizer="words", max_tokens=128)  # int32 [128]

Both are made as in training. A film without poster or overview has zeros.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION, _SIDEWAYS = 0x0112, range(5, 9)
_PUNCTUATION = re.compile(r"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_POSSESSIVE = re.compile(r"['’]s\b")
_ENDINGS = ("ingly", "edly", "ing", "ied", "ies", "ed", "ly", "es", "s")
_SHORTEST_STEM = 4
_UNKNOWN, _FIRST = 1, 2


def poster_pixels(poster: str | Path | bytes | None, *, height: int, width: int) -> np.ndarray:
    """Decode and resize a poster file, by path or as bytes: uint8 [height, width, 3]."""
    if not poster:
        return np.zeros((height, width, 3), np.uint8)
    with Image.open(io.BytesIO(poster) if isinstance(poster, bytes) else poster) as image:
        orientation = image.getexif().get(_ORIENTATION, 1)
        size = (height, width) if orientation in _SIDEWAYS else (width, height)
        # A large JPEG is decoded at 1/2, 1/4 or 1/8 of its size, still 9/8 of the result's.
        image.draft("RGB", (-(-9 * size[0] // 8), -(-9 * size[1] // 8)))
        small = _opaque(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0).convert("RGB")
        if orientation in _TURNS:
            small = small.transpose(_TURNS[orientation])
        return np.array(small, np.uint8)


def _opaque(image: Image.Image) -> Image.Image:
    """Return a picture in RGB or 8-bit grey; transparency is put on white."""
    image.load()
    if image.mode.startswith("I"):
        values = np.asarray(image).clip(0, 65535).astype(np.uint32)
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(coloured, mask=coloured.getchannel("A"))
        return paper
    if image.mode in ("RGB", "L"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def read_tokens(path: str | Path) -> dict[str, int]:
    """Read the file of a model's tokens, one a line: the id of each."""
    return {token: id_ for id_, token in enumerate(Path(path).read_text(encoding="utf-8").split("\n")[:-1], _FIRST)}


def token_ids(overview: str | None, tokens: Mapping[str, int], *, tokenizer: str, max_tokens: int) -> np.ndarray:
    """Cut an overview into tokens: int32 [max_tokens], 0 = padding on the right, 1 = an unknown token.

    Args:
        overview: the text; None or white space for none.
        tokens: the id of each token, as `read_tokens` reads it.
        tokenizer: "split", "words", "stems" or "subwords", as in config.json.
        max_tokens: length of the result.
    """
    ids = np.zeros(max_tokens, np.int32)
    if not overview or not overview.strip():
        return ids
    words = _words(overview, tokenizer)[:max_tokens]
    if tokenizer == "subwords":
        words = [piece for word in words for piece in _pieces(word, tokens)]
    known = [tokens.get(word, _UNKNOWN) for word in words][:max_tokens] or [_UNKNOWN]
    ids[: len(known)] = known
    return ids


def _words(overview: str, tokenizer: str) -> list[str]:
    if tokenizer == "split":
        return _PUNCTUATION.sub("", overview.lower()).split()
    plain = unicodedata.normalize("NFKD", _POSSESSIVE.sub("", overview.lower()))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).replace("'", "").replace("’", "")
    words = ["0" * len(word) if word[0].isdigit() else word for word in _WORD.findall(plain)]
    return [_stem(word) for word in words] if tokenizer == "stems" else words


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word


def _pieces(word: str, tokens: Mapping[str, int]) -> list[str]:
    """Cut a word into the longest known pieces; return it whole where that fails."""
    pieces: list[str] = []
    start = 0
    while start < len(word):
        before = "##" if start else ""
        for end in range(len(word), start, -1):
            if (piece := before + word[start:end]) in tokens:
                pieces.append(piece)
                start = end
                break
        else:
            return [word]
    return pieces


def encoder_token_ids(overview: str | None, tokenizer_file: str | Path, *, max_tokens: int) -> np.ndarray:
    """Cut an overview with the tokenizer.json of a text encoder: int32 [max_tokens], 0 = padding on the right.

    Needs the package tokenizers.
    """
    from tokenizers import Tokenizer

    ids = np.zeros(max_tokens, np.int32)
    if not overview or not overview.strip():
        return ids
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    named = [id_ for id_ in map(tokenizer.token_to_id, ("<pad>", "[PAD]")) if id_ is not None]
    padding = (tokenizer.padding or {}).get("pad_id", named[0] if named else 0)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    known, unknown = tokenizer.encode(overview).ids, tokenizer.token_to_id("[UNK]")
    if len(known) > 2 and all(piece == unknown for piece in known[1:-1]):
        known = [known[0], known[-1]]
    exchanged = {0: padding, padding: 0}  # 0 pads here, whatever the file pads with
    ids[: len(known)] = [exchanged.get(piece, piece) for piece in known]
    return ids
