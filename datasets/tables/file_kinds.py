"""Kinds of files by their first bytes: tables without an ending, and files that are no table."""

from __future__ import annotations

import re

PROBED_BYTES = 512
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"SQLite format 3\0", "a database of SQLite: export its table of films as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or other Office file: save its table as CSV"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it, and give the folder"),
    (b"Rar!", "a RAR archive: unpack it, and give the folder"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file: save its table as Parquet or CSV"),
    (b"ORC", "an ORC file: save its table as Parquet or CSV"),
    (b"Obj\x01", "an Avro file: save its table as Parquet or CSV"),
    (b"\x93NUMPY", "an array of NumPy: save a table as Parquet or CSV"),
    (b"%PDF", "a PDF: give its table as CSV"),
    (b"\xff\xd8\xff", "a picture: give the folder of the pictures with a table of their films"),
    (b"\x89PNG", "a picture: give the folder of the pictures with a table of their films"),
    (b"version https://git-lfs", "a pointer of Git LFS: fetch the file itself with `git lfs pull`"),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard: name it so that it ends on .zst"),
    (b"\x1f\x8b", "compressed by gzip: name it so that it ends on .gz"),
    (b"BZh", "compressed by bzip2: name it so that it ends on .bz2"),
    (b"\xfd7zXZ\0", "compressed by xz: name it so that it ends on .xz"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_MARKUP = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(!doctype html|html|\?xml|head\b|svg\b)", re.IGNORECASE)
_SHEETS = re.compile(rb"\[Content_Types\]\.xml|_rels/|xl/|docProps/|mimetypeapplication/vnd\.oasis")


def no_table(start: bytes) -> str:
    """Return the kind of a file that is no table, with advice; "" where it may be one.

    Args:
        start: the file's first bytes, `PROBED_BYTES` of them.
    """
    for begin, kind in _STARTS:
        if start.startswith(begin):
            return kind
    if start.startswith(b"PK\3\4"):
        if _SHEETS.search(start):
            return "a spreadsheet: save its sheet of films as CSV"
        if b".npy" in start:
            return "arrays of NumPy: save a table as Parquet or CSV"
        return "a ZIP archive: name it so that it ends on .zip"
    if _PICKLE.match(start):
        return "a pickle, which is never opened, as it could run any code: save its table as Parquet or CSV"
    if match := _MARKUP.match(start):
        if match.group(1).lower().startswith(b"?xml"):
            return "XML: save its films as CSV or JSON"
        return "a web page, as of a login, in place of the file: download it again"
    return ""


def kind_by_content(start: bytes) -> str:
    """Return "CSV", "JSON" or "Arrow" by a file's first bytes."""
    if start.startswith((b"PAR1", b"ARROW1")):
        return "Arrow"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return "JSON" if text.startswith((b"{", b"[{")) else "CSV"
