"""An explanation's helpers: words that count together, heat over a poster, values for JSON."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from genre_models.explain.explanation import Explanation

WORDS = [("The", -0.5), ("“Ship,”", 1.0), ("a", 0.25), ("ship", 0.5), ("wedding.", -2.0), ("--", 9.0), ("unknown", 0.0)]


def test_a_word_counts_with_all_its_occurrences() -> None:
    explanation = Explanation("Sci-Fi", 0.7, words=WORDS)
    assert explanation.top_words() == [("Ship", 1.5), ("a", 0.25)]
    assert explanation.top_words(1) == [("Ship", 1.5)]
    assert explanation.top_words(5, against=True) == [("wedding", -2.0), ("The", -0.5)]


def test_heat_is_drawn_where_it_is_and_leaves_the_rest() -> None:
    pixels = np.full((40, 20, 3), (10, 60, 200), np.uint8)
    explanation = Explanation("Horror", 0.7, heat=np.array([[1, 0], [0, 0], [0, 0], [0, 0]], np.float32))
    drawn = np.asarray(explanation.heat_on(pixels))
    assert drawn.shape == pixels.shape and drawn.dtype == np.uint8
    # Grey is .299 of red, .587 of green and .114 of blue: 61. A quarter of it, and three quarters dark red.
    assert drawn[2, 2].tolist() == pytest.approx([176, 33, 33], abs=2)
    assert (drawn[20:] == 61).all() and (drawn[2, 17] == 61).all()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    again = np.asarray(Image.open(io.BytesIO(explanation.heat_png(file.getvalue()))))
    assert (again == drawn).all()


def test_without_a_poster_there_is_no_heat() -> None:
    with pytest.raises(ValueError, match="explanation of Horror has no heat"):
        Explanation("Horror", 0.5).heat_on(np.zeros((2, 2, 3), np.uint8))


def test_plain_values_are_json() -> None:
    heat = np.array([[0, 1 / 3]], np.float32)
    member = Explanation("War", 0.5, words=[("war", 0.12345678)])
    plain = Explanation("War", 0.25, heat, [("war", 1.0)], 0.5, {"lstm": member}).to_plain()
    assert json.loads(json.dumps(plain)) == {
        "genre": "War",
        "probability": 0.25,
        "heat": [[0.0, 0.333]],
        "words": [["war", 1.0]],
        "poster_share": 0.5,
        "members": {
            "lstm": {
                "genre": "War", "probability": 0.5, "heat": None, "words": [["war", 0.1235]], "poster_share": None,
                "members": {},
            }
        },
    }  # fmt: skip
