"""Films on an object store, by a URI with options."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets.raw.columns import Choices
from datasets.raw.films_folder import ReadOptions, find_folder, read_films
from datasets.raw.rejects import FilmsError
from datasets.storage import filesystems
from datasets.tables.sources import read_bytes
from tests.datasets.raw.layouts import FILMS, LAYOUTS, jpeg
from tests.datasets.storage.s3_server import s3_server


@pytest.mark.slow
def test_films_by_a_uri_with_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, a table of it, and an archive; the posters are read by what the store's tasks get."""
    for layout in ("tmdb_metadata", "netflix"):
        (tmp_path / layout).mkdir()
        LAYOUTS[layout](tmp_path / layout)
    filesystems._s3_filesystem.cache_clear()
    with s3_server(monkeypatch.setenv) as s3:
        for path in (path for path in tmp_path.rglob("*") if path.is_file()):
            s3.objects[f"bucket/{path.relative_to(tmp_path)}"] = path.read_bytes()
        for names in (("tmdb_metadata",), ("tmdb_metadata", "movies_metadata.csv")):
            uri = s3.uri(*names)
            films = read_films(uri, ReadOptions(Choices(id="id")))
            filesystem, _ = find_folder(uri)
            posters = films.table["poster"].to_pylist()
            assert [read_bytes(filesystem, path) for path in posters] == [jpeg(n) for n in range(FILMS)]
        assert len(read_films(s3.uri("netflix", "archive.zip")).table) == FILMS
        with pytest.raises(FilmsError, match="which column is the id, 'id' or 'imdb_id'"):
            read_films(s3.uri("tmdb_metadata"))
        with pytest.raises(FilmsError, match=r"The films folder s3://bucket/none\?.* does not exist"):
            read_films(s3.uri("none"))
    filesystems._s3_filesystem.cache_clear()
