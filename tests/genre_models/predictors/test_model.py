"""`genre_models.load` and its model: probabilities in a DataFrame, errors that name films, examples as written."""

from __future__ import annotations

import doctest
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import genre_models as gm
from genre_models.checkpoint import CheckpointError
from genre_models.predictors import model as model_room
from tests.genre_models.predictors.tiny_models import GENRES, OVERVIEWS, posters, save

# Keras' own: its variables do not know numpy 2's `copy`.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

ROOT = Path(__file__).resolve().parents[3]


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with a run of a joint model that can do without a poster or an overview."""
    home = tmp_path_factory.mktemp("home")
    run = home / "film-genres" / "runs" / "joint"
    save("fusion", run / "epoch-001")
    metadata = json.loads((run / "epoch-001" / "checkpoint.json").read_text())
    figures = {"validation_loss": 0.5, "validation_mean_average_precision": 0.1}
    (run / "epoch-001" / "checkpoint.json").write_text(json.dumps({**metadata, "epoch": 1, "figures": figures}))
    (run / "run.json").write_text("{}")
    (home / "alien.jpg").write_bytes(png(posters(1)[0]))
    return home


@pytest.fixture(scope="module")
def model(home: Path) -> model_room.Model:
    return gm.load(home / "film-genres" / "runs")


def test_frame_has_a_row_a_film_and_a_column_a_genre(model: model_room.Model, tmp_path: Path) -> None:
    """Files, bytes, pictures and pixels of one poster have one prediction."""
    pixels = posters(1)[0]
    (tmp_path / "a.png").write_bytes(png(pixels))
    given = [tmp_path / "a.png", str(tmp_path / "a.png"), png(pixels), Image.fromarray(pixels), pixels]
    frame = model.predict(given, [OVERVIEWS[0]] * 5, ids=list("abcde"))
    assert list(frame.index) == list("abcde")
    assert list(frame.columns) == list(GENRES)
    assert set(frame.dtypes) == {np.dtype(np.float32)}
    assert frame.to_numpy() == pytest.approx(np.tile(frame.to_numpy()[:1], (5, 1)), abs=1e-6)
    assert ((frame > 0) & (frame < 1)).to_numpy().all()


def test_thresholds_turn_probabilities_into_genres(model: model_room.Model) -> None:
    frame = model.predict(list(posters(3)), OVERVIEWS)
    assert list(frame.index) == [0, 1, 2]
    chosen = frame >= model.thresholds
    assert chosen.to_numpy().tolist() == (frame.to_numpy() >= np.array([0.25, 1 / 3, 0.5])).tolist()


def test_one_of_the_two_is_enough(model: model_room.Model) -> None:
    both = model.predict([posters(1)[0], None], [OVERVIEWS[0], OVERVIEWS[0]])
    overview = model.predict(overviews=OVERVIEWS[:1])
    assert overview.iloc[0].to_numpy() == pytest.approx(both.iloc[1].to_numpy(), abs=1e-6)
    assert np.abs(both.iloc[0] - both.iloc[1]).max() > 1e-4
    assert (model.uses_posters, model.uses_overviews) == (True, True)


def test_many_films_are_read_some_at_a_time(model: model_room.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = model.predict(list(posters(3)), OVERVIEWS)
    monkeypatch.setattr(model_room, "_FILMS_AT_A_TIME", 2)
    found = model.predict(iter(posters(3)), (overview for overview in OVERVIEWS))
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-4)
    with pytest.raises(TypeError, match=r"^posters\[2\]"):
        model.predict([None, None, 3], OVERVIEWS)


def test_films_that_cannot_be_predicted_are_named(model: model_room.Model) -> None:
    given = ([b"no picture", None, None], [OVERVIEWS[0], "", OVERVIEWS[1]])
    with pytest.raises(ValueError) as error:
        model.predict(*given, ids=["a", "b", "c"])
    assert "cannot predict 2 films" in str(error.value)
    assert "film a: poster not a picture" in str(error.value)
    assert "film b: neither poster nor overview" in str(error.value)
    frame = model.predict(*given, errors="coerce")
    assert frame.isna().all(axis=1).tolist() == [False, True, False]
    overview = model.predict(overviews=OVERVIEWS[:1]).iloc[0].to_numpy()
    assert frame.iloc[0].to_numpy() == pytest.approx(overview, abs=1e-6)


def test_arguments_that_do_not_fit(model: model_room.Model) -> None:
    with pytest.raises(ValueError, match="3 ids for 2 films"):
        model.predict(overviews=OVERVIEWS[:2], ids="abc")
    with pytest.raises(ValueError, match="posters, overviews or both"):
        model.predict()
    with pytest.raises(ValueError, match='"raise" or "coerce"'):
        model.predict(overviews=OVERVIEWS, errors="ignore")  # type: ignore[arg-type]
    assert model.predict(overviews=[]).shape == (0, len(GENRES))


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        gm.load(tmp_path)
    with pytest.raises(ValueError, match="path of a model"):
        gm.load()


def test_examples_run_as_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Package and method have the same one."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    parser = doctest.DocTestParser()
    of_package, of_method = (
        [example.source for example in parser.get_examples(text)]
        for text in (gm.__doc__ or "", model_room.Model.predict.__doc__ or "")
    )
    assert of_package == of_method and len(of_package) == 3
    names: dict[str, object] = {}
    for source in of_package[:-1]:
        exec(source, names)
    frame = eval(of_package[-1], names)
    assert isinstance(frame, pd.DataFrame) and frame.shape == (1, len(GENRES))


_ALONE = """
import sys
import genre_models as gm
assert not {"tensorflow", "keras", "ray", "pandas"} & set(sys.modules)
model = gm.load(sys.argv[1])
assert "tensorflow" in sys.modules
print(model.predict(overviews=["The spaceship returns home"]).shape)
assert "ray" not in sys.modules
"""


def test_tensorflow_is_imported_on_load_and_ray_never(home: Path) -> None:
    command = [sys.executable, "-c", _ALONE, str(home / "film-genres" / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(f"(1, {len(GENRES)})")
