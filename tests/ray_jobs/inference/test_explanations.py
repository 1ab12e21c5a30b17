"""Explanations on screen and as pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genre_models.explain.explanation import Explanation
from ray_jobs.inference.explanations import heat_jpeg, in_words, write_heat

HEAT = np.array([[1, 0], [0, 0.5]], np.float32)


def test_lines_of_a_genre() -> None:
    words = [("The", -0.25), ("ship,", 1.25), ("a", 0.01), ("ship", 0.5)]
    assert in_words(Explanation("Sci-Fi", 0.873, words=words, poster_share=0.455)) == [
        "Why Sci-Fi (87%): poster 46 %, overview 54 %", "  words for it: ship +1.8", "  words against it: The −0.2",
    ]  # fmt: skip
    assert in_words(Explanation("War", 0.5, HEAT)) == ["Why War (50%)"]


@pytest.mark.slow
def test_pictures_of_the_heat(tmp_path: Path) -> None:
    Image.new("RGB", (2000, 3000), (20, 90, 200)).save(tmp_path / "poster.jpg")
    path = write_heat(Explanation("Sci-Fi", 0.9, HEAT), str(tmp_path / "poster.jpg"), str(tmp_path / "new"))
    assert path == str(tmp_path / "new" / "why-sci-fi.png")
    with Image.open(path) as picture:
        assert picture.format == "PNG" and picture.size == (592, 888)
    assert write_heat(Explanation("War", 0.9), str(tmp_path / "poster.jpg"), str(tmp_path / "new")) is None
    plain = Explanation("War", 0.9, HEAT).to_plain()
    data = heat_jpeg(plain, (tmp_path / "poster.jpg").read_bytes())
    assert data is not None and Image.open(io.BytesIO(data)).format == "JPEG"
    assert heat_jpeg({**plain, "heat": None}, b"") is None
