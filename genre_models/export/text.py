"""Token ids and TF-IDF scores of overviews in a TensorFlow graph, exactly as in training."""

from __future__ import annotations

import functools
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from genre_models.metrics.baselines import TfidfWeights

_SIGMA, _FINAL_SIGMA = "\u03a3", "\u03c2"
_UNKNOWN, _FIRST_WORD = 1, 2
_PUNCTUATION = r"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']"
_STEM = "^(.{4,}?)(?:ingly|edly|ing|ied|ies|ed|ly|es|s)$"
# A character of a private area, which ends words as a blank does; it marks ends of words for a while.
_MARK = "\ue000"
_PRIVATE = r"[\x{e000}-\x{f8ff}\x{f0000}-\x{ffffd}\x{100000}-\x{10fffd}]"
_SAME = "(same)"  # longer than a character, shorter than none that a table holds
_MOST_PARTS = 2  # of a term of TF-IDF


class Texts(tf.Module):
    """Functions on overviews; a module holds their tables, which a SavedModel must keep."""

    def __init__(self) -> None:
        super().__init__()
        self._lower = _table(_lower_cases(), _SAME)
        self._plain = _table(_without_accents(), _SAME)
        self._vocabularies: dict[str, Any] = {}
        self._pieces: dict[str, _Pieces] = {}
        self._weights: dict[str, Any] = {}

    def have_words(self, overviews: Any) -> Any:
        """Return whether overviews, string [n], hold more than white space: bool [n]."""
        return tf.strings.regex_full_match(overviews, f"(?s).*[^{_space()}].*")

    def token_ids(self, overviews: Any, vocabulary: Sequence[str], tokenizer: str, max_tokens: int) -> Any:
        """Return right-padded token ids int32 [n, T], 0 = padding, of overviews string [n]."""
        key = f"{tokenizer} {hash(tuple(vocabulary))}"
        if key not in self._vocabularies:
            ids = {word: number for number, word in enumerate(vocabulary, _FIRST_WORD)}
            self._vocabularies[key] = _ids(ids, _UNKNOWN)
        words = self._words(overviews, tokenizer)[:, :max_tokens]
        ids = tf.ragged.map_flat_values(self._vocabularies[key].lookup, words).to_tensor(0)
        ids = tf.pad(ids, [[0, 0], [0, tf.maximum(0, 1 - tf.shape(ids)[1])]])
        # An overview without words is one unknown token.
        first = tf.maximum(ids[:, :1], _UNKNOWN)
        return tf.ensure_shape(tf.concat([first, ids[:, 1:]], axis=1), (None, None))

    def tfidf(self, overviews: Any, weights: TfidfWeights) -> Any:
        """Return the probabilities of a TF-IDF model, float32 [n, genres], of overviews string [n]."""
        key = str(id(weights))
        if key not in self._weights:
            terms = {term: number for number, term in enumerate(weights.terms)}
            values = {"idf": weights.idf, "coefficients": weights.coefficients.T, "intercepts": weights.intercepts}
            self._weights[key] = {
                "terms": _ids(terms, -1),
                **{name: tf.Variable(np.asarray(value, np.float64), trainable=False) for name, value in values.items()},
            }
        result = tf.tile(tf.constant(weights.frequencies, tf.float64)[None], (tf.size(overviews), 1))
        if not len(weights.learned):
            return tf.cast(result, tf.float32)
        held = self._weights[key]
        parts = tf.strings.ngrams(self.parts(overviews), list(range(1, _MOST_PARTS + 1)), separator=" ")
        known = tf.ragged.map_flat_values(held["terms"].lookup, parts)
        known = tf.ragged.boolean_mask(known, known >= 0)
        counts = tf.sparse.bincount(known, minlength=max(1, len(weights.terms)), axis=-1)
        rows, columns = counts.indices[:, 0], counts.indices[:, 1]
        values = (1 + tf.math.log(tf.cast(counts.values, tf.float64))) * tf.gather(held["idf"], columns)
        films = tf.size(overviews)
        lengths = tf.sqrt(tf.math.unsorted_segment_sum(values**2, rows, films))
        products = values[:, None] * tf.gather(held["coefficients"], columns)
        sums = tf.math.unsorted_segment_sum(products, rows, films) / tf.maximum(lengths, 1e-300)[:, None]
        scores = tf.sigmoid(sums + held["intercepts"])
        places = {int(genre): place for place, genre in enumerate(weights.learned)}
        columns_of = [
            scores[:, places[genre]] if genre in places else result[:, genre]
            for genre in range(len(weights.frequencies))
        ]
        return tf.cast(tf.stack(columns_of, axis=1), tf.float32)

    def piece_ids(self, overviews: Any, tokenizer_json: str, max_tokens: int) -> Any:
        """Return right-padded ids int32 [n, T] by an encoder's tokenizer that `inputs.is_bert` knows.

        As `datasets.text.pretrained_tokenizer.WordPiece`: of words the longest known pieces.
        """
        if tokenizer_json not in self._pieces:
            self._pieces[tokenizer_json] = _Pieces(tokenizer_json)
        pieces = self._pieces[tokenizer_json]
        # The private area stands for special tokens; what a text has of it is dropped, as by the tokenizer.
        text = tf.strings.regex_replace(overviews, _PRIVATE, "")
        for place, token in enumerate(pieces.special):
            text = tf.strings.regex_replace(text, re.escape(token), chr(ord(_MARK) + place))
        words = tf.strings.split(self._mapped(text, pieces.normalized))
        cut = pieces.cut(words.flat_values)
        splits = tf.gather(cut.row_splits, words.row_splits)
        ids = tf.RaggedTensor.from_row_splits(cut.flat_values, splits)[:, : max_tokens - 2]
        lengths, is_known = ids.row_lengths(), tf.reduce_any(tf.not_equal(ids, pieces.unknown), axis=1)
        inner = tf.RaggedTensor.from_row_lengths(
            tf.boolean_mask(ids.flat_values, tf.repeat(is_known, lengths)), tf.where(is_known, lengths, 0)
        )
        first, last = (tf.fill((ids.nrows(), 1), end) for end in pieces.ends)
        whole = tf.concat([first, inner, last], axis=1)
        flat = whole.flat_values
        exchanged = tf.where(flat == pieces.padding, 0, tf.where(flat == 0, pieces.padding, flat))
        return tf.ensure_shape(whole.with_flat_values(exchanged).to_tensor(0), (None, None))

    # -- words: each result is ragged, string [n, (words)]

    def _words(self, overviews: Any, tokenizer: str) -> Any:
        """Cut overviews as `datasets.text.vocabulary.words_of` does."""
        text = self._lowered(overviews)
        if tokenizer == "split":
            text = tf.strings.regex_replace(text, _PUNCTUATION, "")
            return tf.strings.split(tf.strings.regex_replace(text, f"[{_space()}]", " "))
        # Possessives: Python's \b after the s.
        text = tf.strings.regex_replace(text, _MARK, " ")
        text = tf.strings.regex_replace(text, f"([^{_word()}])", rf"{_MARK}\1") + _MARK
        text = tf.strings.regex_replace(text, f"['\u2019]s{_MARK}", _MARK)
        text = self._mapped(tf.strings.regex_replace(text, _MARK, ""), self._plain)
        text = tf.strings.regex_replace(text, "['\u2019]", "")
        text = tf.strings.regex_replace(text, f"[^{_word()}]|_", " ")
        text = tf.strings.regex_replace(text, f"[{_decimal()}]", "0")
        words = tf.strings.split(tf.strings.regex_replace(text, "(0+)", r" \1 "))
        return tf.ragged.map_flat_values(lambda flat: _stemmed(_counted(flat), tokenizer), words)

    def parts(self, overviews: Any) -> Any:
        r"""Cut overviews as scikit-learn does: no accents, and runs of at least two of `\\w`."""
        text = self._mapped(self._lowered(overviews), self._plain)
        parts = tf.strings.split(tf.strings.regex_replace(text, f"[^{_word()}]", " "))
        return tf.ragged.boolean_mask(parts, tf.ragged.map_flat_values(_is_long, parts))

    def _lowered(self, overviews: Any) -> Any:
        """Return overviews in lower case, as `str.lower`."""
        text = tf.strings.unicode_transcode(overviews, "UTF-8", "UTF-8")
        before = f"[{_cased()}][{_ignorable()}]*"
        after = f"[{_ignorable()}]*(?:[^{_cased()}{_ignorable()}]|$)"
        text = tf.strings.regex_replace(text, f"({before}){_SIGMA}({after})", rf"\1{_FINAL_SIGMA}\2")
        return self._mapped(text, self._lower)

    def _mapped(self, texts: Any, table: Any) -> Any:
        """Replace single characters of string [n] by a table."""
        codes = tf.strings.unicode_decode(texts, "UTF-8")
        plain = tf.strings.unicode_encode(codes.flat_values[:, None], "UTF-8")
        found = table.lookup(tf.cast(codes.flat_values, tf.int64))
        new = codes.with_flat_values(tf.where(tf.equal(found, _SAME), plain, found))
        return tf.strings.reduce_join(new, axis=-1)


class _Pieces(tf.Module):
    """The tables of an encoder's tokenizer."""

    def __init__(self, tokenizer_json: str) -> None:
        from tokenizers import Tokenizer

        super().__init__(name="pieces")  # made while a graph is traced, where a name has no underscore in front
        tokenizer, described = Tokenizer.from_str(tokenizer_json), json.loads(tokenizer_json)
        model = described["model"]
        self.special = [one["content"] for one in described["added_tokens"]]
        self.unknown = tokenizer.token_to_id(model["unk_token"])
        tokenizer.no_padding()
        self.ends = tokenizer.encode("").ids
        padding = described["padding"]
        self.padding = padding["pad_id"] if padding else tokenizer.token_to_id("[PAD]")
        self.normalized = _table(_normalized(tokenizer, self.special), _SAME)
        self._before = model["continuing_subword_prefix"]
        self._most = model["max_input_chars_per_word"]
        self._ids = _ids(tokenizer.get_vocab(), -1)
        self._longest = max(map(len, tokenizer.get_vocab()))

    def cut(self, words: Any) -> Any:
        """Cut words, string [n], into the longest known pieces; one that cannot be is unknown.

        Returns:
            Ids int32 [n, (pieces)], ragged.
        """
        lengths = tf.strings.length(words, unit="UTF8_CHAR")
        sizes = tf.range(1, self._longest + 1)[None] + tf.zeros_like(lengths)[:, None]
        whole = tf.repeat(words[:, None], self._longest, axis=1)

        def is_open(start: Any, failed: Any) -> Any:
            return tf.logical_and(start < lengths, tf.logical_not(failed))

        def step(start: Any, failed: Any, ids: Any) -> tuple[Any, Any, Any]:
            at = tf.where(is_open(start, failed), start, 0)
            parts = tf.strings.substr(whole, tf.repeat(at[:, None], self._longest, axis=1), sizes, unit="UTF8_CHAR")
            parts = tf.where(at[:, None] > 0, tf.strings.join([self._before, parts]), parts)
            found = self._ids.lookup(parts)
            fits = (found >= 0) & (sizes <= (lengths - at)[:, None]) & is_open(start, failed)[:, None]
            best = tf.reduce_max(tf.where(fits, sizes, 0), axis=1)
            chosen = tf.gather(found, tf.maximum(best - 1, 0), axis=1, batch_dims=1)
            ids = tf.concat([ids, tf.where(best > 0, chosen, -1)[:, None]], axis=1)
            return start + best, tf.logical_or(failed, is_open(start, failed) & (best == 0)), ids

        start, none = tf.zeros_like(lengths), tf.zeros((tf.size(words), 0), tf.int32)
        _, failed, ids = tf.while_loop(
            lambda start, failed, _: tf.reduce_any(is_open(start, failed)),
            step,
            (start, lengths > self._most, none),
            shape_invariants=(start.shape, start.shape, tf.TensorShape((None, None))),
        )
        unknown = tf.where(failed, self.unknown, -1)[:, None]
        ids = tf.concat([unknown, tf.where(failed[:, None], -1, ids)], axis=1)
        return tf.ragged.boolean_mask(ids, ids >= 0)


def _normalized(tokenizer: Any, special: Sequence[str]) -> dict[str, str]:
    """Map each character to its normalized form, with blanks around words of their own.

    Characters from `_MARK` on stand for special tokens.
    """
    characters = [c for c in _all() if unicodedata.category(c) != "Co"]
    made = tokenizer.normalizer.normalize_str("|".join(c if c != "|" else "a" for c in characters)).split("|")
    made[characters.index("|")] = "|"
    cut = tokenizer.pre_tokenizer.pre_tokenize_str
    # Letters, marks and numbers are parts of words.
    alone = {c for c in set("".join(made)) if unicodedata.category(c)[0] not in "LMN" and len(cut(f"a{c}a")) > 1}
    result = dict(zip(characters, ("".join(f" {c} " if c in alone else c for c in one) for one in made), strict=True))
    # Ends of lines are blanks before a tokenizer gets a text.
    result |= {c: " " for c in characters if c.isspace() and len(f"a{c}a".splitlines()) > 1}
    named = {chr(ord(_MARK) + place): f" {token} " for place, token in enumerate(special)}
    return {c: one for c, one in result.items() if c != one} | named


def _counted(words: Any) -> Any:
    """Write a word that begins with a digit as zeros."""
    is_number = tf.strings.regex_full_match(words, f"[{_other_digit()}].*")
    return tf.where(is_number, tf.strings.regex_replace(words, ".", "0"), words)


def _stemmed(words: Any, tokenizer: str) -> Any:
    return tf.strings.regex_replace(words, _STEM, r"\1") if tokenizer == "stems" else words


def _is_long(words: Any) -> Any:
    return tf.strings.regex_full_match(words, "..+")


def _table(replaced: Mapping[str, str], default: str) -> Any:
    keys, values = [ord(c) for c in replaced], list(replaced.values())
    initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, tf.int64), tf.constant(values))
    return tf.lookup.StaticHashTable(initializer, default)


def _ids(numbers: Mapping[str, int], default: int) -> Any:
    # A table cannot be empty; no word has a blank at its ends.
    numbers = numbers or {" ": default}
    keys, values = tf.constant(list(numbers)), tf.constant(list(numbers.values()), tf.int32)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default)


# -- Python's Unicode data, as tables and as character classes of RE2 --------------------------------------------------
#
# TensorFlow brings Unicode data of its own, and its regular expressions know words of ASCII alone. Overviews must be
# cut into the words of training, so that the graph is given Python's data.


def _all() -> Iterable[str]:
    """Yield all characters but surrogates, which no text in UTF-8 holds."""
    return (chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)


def _class_of(is_in: Callable[[str], bool]) -> str:
    """Return the ranges of a character class of RE2, without its brackets."""
    ranges: list[list[int]] = []
    for character in filter(is_in, _all()):
        code = ord(character)
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(rf"\x{{{low:x}}}-\x{{{high:x}}}" for low, high in ranges)


@functools.cache
def _word() -> str:
    r"""Return the class of `\\w` in Python."""
    return _class_of(lambda c: c.isalnum() or c == "_")


@functools.cache
def _decimal() -> str:
    r"""Return the class of `\\d` in Python."""
    return _class_of(str.isdecimal)


@functools.cache
def _other_digit() -> str:
    """Return the class of digits that are no decimals, such as those of Ethiopic."""
    return _class_of(lambda c: c.isdigit() and not c.isdecimal())


@functools.cache
def _space() -> str:
    """Return the class of white space, at which `str.split` splits and which `str.strip` removes."""
    return _class_of(str.isspace)


@functools.cache
def _ignorable() -> str:
    """Return the class of case-ignorable characters, which a capital sigma's lower case passes over."""
    return _class_of(_is_ignorable)


@functools.cache
def _cased() -> str:
    """Return the class of cased characters that are not case-ignorable."""
    return _class_of(_is_cased)


def _is_cased(c: str) -> bool:
    return f"a{_SIGMA}{c}".lower()[1] != _FINAL_SIGMA


def _is_ignorable(c: str) -> bool:
    return not _is_cased(c) and f"a{_SIGMA}{c}a".lower()[1] != _FINAL_SIGMA


@functools.cache
def _lower_cases() -> dict[str, str]:
    """Return the lower case of all characters that have another one."""
    return {c: low for c in _all() if (low := c.lower()) != c}


@functools.cache
def _without_accents() -> dict[str, str]:
    """Return the decompositions (NFKD) of characters, without combining marks, where they differ."""
    plain = {}
    for c in _all():
        # In ranges without a decomposition nothing is to be done: three quarters of the time.
        if unicodedata.decomposition(c) or unicodedata.combining(c) or "\uac00" <= c <= "\ud7a3":
            normal = unicodedata.normalize("NFKD", c)
            plain[c] = "".join(part for part in normal if not unicodedata.combining(part))
    return {c: new for c, new in plain.items() if new != c}
