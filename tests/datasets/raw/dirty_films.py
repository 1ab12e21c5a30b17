"""Makes a small films folder with one of everything that goes wrong in real ones."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.raw.films_folder import CSV_NAME, POSTERS_NAME
from datasets.raw.rejects import (
    DUPLICATE_ID,
    ID_LEAVES_FOLDER,
    LABEL_NOT_BINARY,
    NO_GENRE,
    OVERVIEW_EMPTY,
    POSTER_MISSING,
    POSTER_NOT_A_PICTURE,
    POSTER_TOO_LARGE,
    POSTER_TRUNCATED,
    ROW_MALFORMED,
)

GENRES = ("Action", "Comedy", "Drama", "Horror", "N/A", "Romance")
SIZE = (60, 90)  # Width and height of a drawn poster, in pixels.

_HEROES = ("a retired diver", "two sisters", "the village baker", "an honest thief", "a night nurse")
_DEEDS = ("looks for a lost brother", "inherits a haunted mill", "must win one last race", "falls in love")
_PLACES = ("in a town by the sea", "during a long winter", "on the eve of war")


@dataclass(frozen=True)
class DirtyFolder:
    """What a made folder must come to."""

    good: int
    """Films that can be used, posters included."""
    repeats: int
    """Films that occur again with the same content."""
    rejects: dict[str, int]
    """Films rejected, by reason: for what the CSV says, and for their poster."""
    rejected: dict[str, str]
    """Reason by id, for those that have an id of their own."""

    @property
    def poster_rejects(self) -> int:
        """Films that the CSV has right, and whose poster cannot be used."""
        return sum(count for reason, count in self.rejects.items() if reason.startswith("poster "))


def make_dirty_folder(folder: Path) -> DirtyFolder:
    """Writes the CSV and the posters below `folder`, which is made if need be, and says what to expect."""
    posters = folder / POSTERS_NAME
    posters.mkdir(parents=True, exist_ok=True)
    good = _write_good_posters(posters)
    lines = [_line("Id", "Genre", *GENRES, "Overview")]
    lines += [_film(film, number) for number, film in enumerate(good)]
    expected: list[tuple[str, str]] = []

    def bad(reason: str, film: str, line: bytes) -> None:
        expected.append((film, reason))
        lines.append(line)

    for film, data, reason in _bad_posters():
        if data is not None:
            (posters / f"{film}.jpg").write_bytes(data)
        bad(reason, film, _film(film))
    for film, line, reason in _bad_rows():
        bad(reason, film, line)
    repeats = [_film(good[3], 3), _film(good[4], 4)]
    bad(DUPLICATE_ID, "", _film(good[5], overview="Another film under the same id."))
    bad(DUPLICATE_ID, "", _film(good[6], 6, labels=["1"] * len(GENRES)))
    # Sound films after the broken ones: reading must have found its way back.
    last, odd = _sound_but_odd()
    for film in last:
        (posters / f"{film}.jpg").write_bytes(_encoded(drawn(99), "JPEG"))
    (folder / CSV_NAME).write_bytes(b"".join([*lines, *repeats, *odd]))
    return DirtyFolder(
        good=len(good) + len(last),
        repeats=len(repeats),
        rejects=dict(Counter(reason for _, reason in expected)),
        rejected={film: reason for film, reason in expected if film},
    )


def drawn(number: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """An RGB poster: a slope of colour with a disc on it, another for each number."""
    down, across = np.mgrid[0 : size[1], 0 : size[0]]
    disc = (down - size[1] / 2) ** 2 + (across - size[0] / 2) ** 2 < (min(size) / 4) ** 2
    pixels = np.stack([down * 255 // size[1], across * 255 // size[0], disc * (60 + 37 * number % 196)], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def convertible_posters() -> dict[str, bytes]:
    """Pictures of other formats and colours than an RGB JPEG, all of which can be used; by kind."""
    colour = drawn(1)
    palette = colour.quantize(32)
    seen = colour.copy()
    seen.putalpha(Image.linear_gradient("L").resize(SIZE))
    sixteen = Image.fromarray(np.asarray(colour.convert("L")).astype(np.uint16) * 257)
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "grey jpeg": _encoded(colour.convert("L"), "JPEG"),
        "cmyk jpeg": _encoded(colour.convert("CMYK"), "JPEG"),
        "turned jpeg": _encoded(colour, "JPEG", exif=turned),
        "palette png": _encoded(palette, "PNG"),
        "palette png with transparency": _encoded(palette, "PNG", transparency=bytes(range(0, 256, 8))),
        "palette png with a clear colour": _encoded(palette, "PNG", transparency=3),
        "rgb png with a clear colour": _encoded(colour, "PNG", transparency=(0, 0, 0)),
        "alpha png": _encoded(seen, "PNG"),
        "grey alpha png": _encoded(seen.convert("LA"), "PNG"),
        "16-bit png": _encoded(sixteen, "PNG"),
        "1-bit png": _encoded(colour.convert("1"), "PNG"),
        "webp": _encoded(colour, "WEBP"),
        "alpha webp": _encoded(seen, "WEBP"),
        "gif": _encoded(palette, "GIF"),
        "bmp": _encoded(colour, "BMP"),
    }


def bad_posters() -> dict[str, tuple[bytes, str]]:
    """Files under .jpg that cannot be used, by kind, each with the reason to give."""
    jpeg, png = _encoded(drawn(2, (300, 444)), "JPEG"), _encoded(drawn(2), "PNG")
    return {
        "empty": (b"", POSTER_NOT_A_PICTURE),
        "html": (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", POSTER_NOT_A_PICTURE),
        "svg": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', POSTER_NOT_A_PICTURE),
        "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", POSTER_NOT_A_PICTURE),
        "half a jpeg": (jpeg[: len(jpeg) // 2], POSTER_TRUNCATED),
        "half a png": (png[: len(png) // 2], POSTER_TRUNCATED),
        "sound": (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", POSTER_NOT_A_PICTURE),
        "the first bytes of a jpeg": (jpeg[:100], POSTER_TRUNCATED),
        # 48 million pixels in a few thousand bytes.
        "huge png": (_encoded(Image.new("1", (8000, 6000)), "PNG"), POSTER_TOO_LARGE),
    }


def _write_good_posters(posters: Path) -> list[str]:
    """Writes a poster for each of some 40 films, and returns their ids."""
    good = {f"tt{number:07d}": _encoded(drawn(number), "JPEG") for number in range(27)}
    good |= {f"kind {kind}": data for kind, data in convertible_posters().items()}
    for film, data in good.items():
        (posters / f"{film}.jpg").write_bytes(data)
    return list(good)


def _bad_posters() -> list[tuple[str, bytes | None, str]]:
    """Id, bytes of the poster (None: no file) and reason."""
    broken = [(f"poster {kind}", data, reason) for kind, (data, reason) in bad_posters().items()]
    return [*broken, ("poster missing", None, POSTER_MISSING)]


def _bad_rows() -> list[tuple[str, bytes, str]]:
    """Id ("" if it cannot be told), lines of the CSV and reason."""
    some = ["0", "1", "0", "0", "0", "1"]
    rows = [
        ("short", _line("short", "[]", *some[1:], "A genre is missing."), ROW_MALFORMED),
        ("long", _line("long", "[]", *some, "One field", "too many."), ROW_MALFORMED),
        ("latin", _film("latin", overview="Un été à la mer").decode().encode("latin-1"), ROW_MALFORMED),
        ("nul", _film("nul", overview="Cut \0 here"), ROW_MALFORMED),
        ("", _film("   "), ROW_MALFORMED),
        ("open", _film("open").rstrip(b"\n").rpartition(b",")[0] + b',"A quote is opened\n', ROW_MALFORMED),
        ("../up", _film("../up"), ID_LEAVES_FOLDER),
        ("/etc/passwd", _film("/etc/passwd"), ID_LEAVES_FOLDER),
        ("..\\up", _film("..\\up"), ID_LEAVES_FOLDER),
        ("..", _film(".."), ID_LEAVES_FOLDER),
        ("no genre", _film("no genre", labels=["0"] * len(GENRES)), NO_GENRE),
    ]
    for number, text in enumerate(("", "  ", "N/A", "No overview found.", "Add a Plot", "?!")):
        rows.append((f"overview {number}", _film(f"overview {number}", overview=text), OVERVIEW_EMPTY))
    for number, value in enumerate(("2", "-1", "maybe")):
        row = _film(f"label {number}", labels=[value, *some[1:]])
        rows.append((f"label {number}", row, LABEL_NOT_BINARY))
    return rows


def _sound_but_odd() -> tuple[list[str], list[bytes]]:
    """Ids and CSV lines of films that look odd and are sound."""
    odd = {
        "映画 1": _film("映画 1", overview="一人の少年が海へ旅に出る。"),
        "tt.dots.1": _film("  tt.dots.1 ", labels=[" 1 ", "0.0", "1.0", " 0", "0", "0"]),
        "lines": _film("lines", overview='Two lines\nand a "quoted" word,\r\nor three.\n'),
        "after lines": _film("after lines") + b"\n",  # A blank line is no film.
    }
    return list(odd), list(odd.values())


def _film(film: str, number: int = 0, *, labels: list[str] | None = None, overview: str | None = None) -> bytes:
    """A film's line of the CSV, by template."""
    if labels is None:
        labels = [str(int(genre in (number % 6, number // 6 % 6))) for genre in range(len(GENRES))]
    if overview is None:
        hero, deed = _HEROES[number % len(_HEROES)], _DEEDS[number % len(_DEEDS)]
        overview = f"{hero.capitalize()} {deed} {_PLACES[number % len(_PLACES)]}."
    named = str([genre for genre, label in zip(GENRES, labels, strict=True) if label == "1"])
    return _line(film, named, *labels, overview)


def _line(*fields: str) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(fields)
    return stream.getvalue().encode()


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()
