"""Names and folders that are refused before any work, since something of a user's would be lost, or fail late."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from datasets.storage.files import PathError
from datasets.store import film_store
from datasets.store.film_store import Manifest, StoreError
from ray_jobs.cli.errors import UsageError
from ray_jobs.cli.options import TrainOptions
from ray_jobs.cli.places import check_new_store, check_places
from ray_jobs.inputs.store_setup import require_place

MANIFEST = Manifest(
    genres=("Drama",), films={"train": 0, "validation": 0, "test": 0}, genre_films={}, poster={"height": 8, "width": 8},
    split={}, source={}, fingerprint="f", created="now", versions={},
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A folder that reads as a film store."""
    film_store.write_manifest(str(tmp_path / "store"), MANIFEST)
    return tmp_path / "store"


@pytest.mark.parametrize(
    "name",
    [
        *("..", "../outside", "runs/../..", "/run", "run/", "a//b", ".", ".hidden", "a/.b"),
        *("a\nb", "\x1b[31mred", "a\x7f", "half \ud800", "x" * 300, "é" * 150),
    ],
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="--name"):
        TrainOptions(name=name)


@pytest.mark.parametrize("name", ["", "été", "日本 2", "team/run-1", "a.b", "x" * 200])
def test_names_that_are_taken(name: str) -> None:
    assert TrainOptions(name=name).name == name


@pytest.mark.parametrize("option", ["runs", "report", "out"])
@pytest.mark.parametrize("place", ["", "/runs", "/films/split=train/deep/er"])
def test_no_output_goes_into_a_store(option: str, place: str, store: Path) -> None:
    with pytest.raises(UsageError, match=f"--{option} .* is in the film store {store}"):
        check_places(SimpleNamespace(**{option: f"{store}{place}"}))
    check_places(SimpleNamespace(**{option: f"{store}-report"}))


def test_no_output_goes_into_a_store_by_a_link_or_before_it_is_made(store: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(store)
    new, bucket = str(tmp_path / "new"), "s3://bucket/store"
    for runs, of in ((tmp_path / "link" / "runs", str(store)), (f"{new}/runs", new), (f"{bucket}/runs", bucket)):
        with pytest.raises(UsageError, match="is in the film store"):
            check_places(SimpleNamespace(runs=str(runs), store=of))
    check_places(SimpleNamespace(runs=f"{new}-runs", store=new))


def test_folders_that_cannot_be_written_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for report, why in (
        (f"{tmp_path}/file", "is a file"),
        (f"{tmp_path}/file/report", "leads through .*file, which is a file"),
        ("", "is empty"),
        (" ", "is empty"),
        (f"{tmp_path}/{'x' * 300}", "too long"),
        (f"{tmp_path}/a\rb", "control character"),
        ("/proc/report", "no permission") if os.geteuid() else ("/dev/null/report", "is a file"),
    ):
        with pytest.raises(UsageError, match=f"--report.*{why}"):
            check_places(SimpleNamespace(report=report))
    check_places(SimpleNamespace(report=str(tmp_path / "new" / "report"), out=str(tmp_path / "table.csv")))


def test_links_that_lead_to_no_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "nothing").symlink_to(tmp_path / "gone" / "runs")
    for option in ("runs", "report", "out"):
        for place, why in (("circle", "in a circle"), ("circle/a", "in a circle"), ("nothing/a", "does not exist")):
            with pytest.raises(UsageError, match=f"--{option} .*{why}"):
                check_places(SimpleNamespace(**{option: str(tmp_path / place)}))
    with pytest.raises(UsageError, match=r"--store .* in a circle"):
        check_new_store(str(tmp_path / "circle"))
    check_new_store(str(tmp_path / "nothing"))  # the store takes the place that the link leads to
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("option", ["runs", "report", "out", "store"])
def test_a_home_folder_of_nobody_is_named(option: str) -> None:
    with pytest.raises(PathError, match="~nobody-of-that-name/x"):
        check_places(SimpleNamespace(**{option: "~nobody-of-that-name/x"}))


def test_an_empty_out_is_not_the_working_folder() -> None:
    with pytest.raises(UsageError, match="--out is empty"):
        check_places(SimpleNamespace(out=""))


def test_a_store_is_not_made_in_another(store: Path) -> None:
    with pytest.raises(UsageError, match=f"--store {store}/inner is in the film store {store}"):
        check_new_store(f"{store}/inner")
    check_new_store(str(store))
    check_new_store(f"{store}-2")


def test_a_store_does_not_take_the_place_of_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for path in (".", "../here", "..", str(tmp_path), "~" if Path.home() in tmp_path.parents else "/"):
        with pytest.raises(UsageError, match=r"--store .* is the folder you are in, or holds it"):
            check_new_store(path)
    with pytest.raises(UsageError, match="--store is empty"):
        require_place("", overwrite=True)
    require_place("store", overwrite=False)


FOREIGN = {
    "an application's": {"manifest_version": 3, "name": "reader", "version": "1.0"},
    "a list": [1, 2],
    "of another format": {"format": "webapp", "genres": []},
    "with some of a store's words": {"format": 1, "films": [], "genres": []},
}


@pytest.mark.parametrize("manifest", FOREIGN.values(), ids=FOREIGN)
def test_only_what_reads_as_a_store_is_overwritten(manifest: object, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match=r"it is kept, whatever it is"):
        require_place(str(tmp_path / "app"), overwrite=True)


def test_a_store_is_overwritten_if_asked(store: Path) -> None:
    with pytest.raises(StoreError, match="replace it with --overwrite"):
        require_place(str(store), overwrite=False)
    require_place(str(store), overwrite=True)


def test_a_store_s_own_files_are_known() -> None:
    own = ("manifest.json", "words.parquet", "rejects.csv", "films/split=train/part-000000007.parquet")
    features = ("features/minilm-abc/split=test/features.json", "features/a/.split=test.preparing-h-1/part-1.parquet")
    assert all(map(film_store.is_own, (*own, *features)))
    others = ("notes.txt", "films/notes.txt", "Images/1.jpg", "run/epoch-001/model.keras", "manifest.json.bak")
    assert not any(map(film_store.is_own, (*others, "films/split=train/._part-1.parquet", "rows/part-1.parquet")))
