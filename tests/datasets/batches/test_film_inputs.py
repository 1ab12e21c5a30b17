"""Tables of films as a model's inputs: each form by hand, films that lack something, several inputs at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.batches.batching import BatchConfig, validation_batches
from datasets.batches.film_inputs import FORMS, input_block
from datasets.text.vocabulary import Vocabulary

SHAPE = (2, 1, 3)
WORDS = Vocabulary(["sea", "old"])
POSTERS = [bytes(range(6)), None, bytes(range(6, 12))]
OVERVIEWS = ["Old sea, old!", None, "Whale"]
FILMS = pa.table({"poster": pa.array(POSTERS, pa.binary(6)), "overview": OVERVIEWS})


def made(form: str, source: str, name: str = "inputs", **told: Any) -> Any:
    return SimpleNamespace(name=name, source=source, form=form, **told)


def test_pixels_and_ids_of_films_that_lack_them() -> None:
    """A null poster is black, a null overview one unknown word, as an empty one: so joint models know either."""
    inputs = [made("pixels", "poster", "poster"), made("token_ids", "overview", "tokens", max_tokens=4)]
    block = input_block(FILMS, inputs, WORDS, SHAPE)
    assert block["poster"].tolist() == [[[[0, 1, 2]], [[3, 4, 5]]], [[[0] * 3]] * 2, [[[6, 7, 8]], [[9, 10, 11]]]]
    assert block["tokens"].tolist() == [[3, 2, 3, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    assert block["lengths"].tolist() == [3, 1, 1]


def test_features_beside_ids() -> None:
    """Views of posters as they are stored; vectors of tokens stay bytes, cut to the longest."""
    views, vectors = np.arange(12, dtype=np.float16).reshape(3, 2, 2), np.arange(8, dtype=np.float16).reshape(4, 2)
    table = FILMS.append_column("views", pa.array([row.tobytes() for row in views]))
    table = table.append_column("states", pa.array([vectors[:n].tobytes() for n in (1, 3, 4)]))
    of_poster = made("features", "poster", "views", units=2, by_length=False)
    block = input_block(table, [of_poster, made("token_ids", "overview", "tokens", max_tokens=4)], WORDS, SHAPE)
    assert block["views"].tolist() == views.tolist() and block["lengths"].tolist() == [3, 1, 1]
    of_tokens = made("features", "overview", "states", units=2, by_length=True, max_tokens=3)
    block = input_block(table, [of_poster, of_tokens], None, SHAPE)
    assert block["lengths"].tolist() == [1, 3, 3]
    assert [np.frombuffer(row, np.float16).tolist() for row in block["states"]] == [
        [0, 1],
        [0, 1, 2, 3, 4, 5],
        [0, 1, 2, 3, 4, 5],
    ]


def test_an_input_of_another_form_reaches_the_model(monkeypatch: Any) -> None:
    """One function is all that reading and batching must know of it."""

    def brightest(films: pa.Table, one: Any, *_: Any) -> dict[str, np.ndarray]:
        return {one.name: np.array([[max(poster or b"\0")] for poster in films[one.source].to_pylist()], np.float32)}

    monkeypatch.setitem(FORMS, "brightest", brightest)
    inputs = [made("token_ids", "overview", "tokens", max_tokens=4), made("brightest", "poster", "light")]
    block = input_block(FILMS, inputs, WORDS, SHAPE) | {"labels": np.zeros((3, 1))}
    (batch,) = validation_batches([block], BatchConfig(3))
    assert batch["inputs"].keys() == {"tokens", "light"}
    assert batch["inputs"]["light"].tolist() == [[0], [11], [5]]  # by length of the overviews
