"""Text encodings of tables: detected from a byte order mark, from the bytes, or line by line."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

_MARKS = (
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_CODECS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_BLOCK = 1 << 20
LONGEST_LINE = 1 << 23
"""Bytes of a line, and of a record of several: longer than all that is written of a film."""
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# As the WHATWG decoder: the five bytes that Windows-1252 leaves undefined are control characters.
_WINDOWS_1252 = {byte: bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0xA0)}
_WINDOWS_1252 = {byte: chr(byte) if text == "\ufffd" else text for byte, text in _WINDOWS_1252.items()}
_RUN = re.compile(rb"[\x80-\xff]{4,}")
"""Bytes above ASCII that no word of a language written in Windows-1252 has in a row."""
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # in Windows-1252; Japanese files are full of them
_MOST_UNDEFINED = 0.02  # share of the bytes above ASCII


class EncodingError(ValueError):
    """Text in an encoding that is not read; the message follows the file's name."""

    def __init__(self) -> None:
        super().__init__("is text in another encoding than UTF-8, UTF-16 or Windows-1252: save it as UTF-8")


class HashedReader(io.RawIOBase):
    """Raw stream that hashes the bytes it passes on."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Return the hex digest of the bytes read so far."""
        return self._hash.hexdigest()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = int(self._stream.readinto(buffer))  # type: ignore[attr-defined]
        self._hash.update(buffer[:size])
        return size

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Transcoder(io.RawIOBase):
    """Raw stream that converts another encoding, or old Mac line ends, to UTF-8 with \\n.

    Text that cannot be decoded becomes bytes that are not UTF-8, which costs its row alone.
    """

    def __init__(self, stream: io.BufferedReader, codec: str, *, carriage_returns: bool) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(codec)("surrogatepass" if "utf" in codec else "strict")
        self._carriage_returns = carriage_returns
        self._rest = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest and not self._ended:
            data = self._stream.read(_BLOCK)
            self._ended = not data
            self._rest = self._decode(data).encode("utf-8", "surrogatepass")
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def _decode(self, data: bytes) -> str:
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError:
            self._decoder.reset()
            text = "\udcff\n"  # truncated at the end of the file
        return text.replace("\r", "\n") if self._carriage_returns else text

    def close(self) -> None:
        self._stream.close()
        super().close()


def open_text(raw: io.RawIOBase) -> tuple[io.BufferedReader, str]:
    """Open a text stream as UTF-8, or in an encoding that lines detect.

    Returns:
        The stream without byte order mark, and the encoding's name; "" if the lines must be examined.
    """
    stream: Any = io.BufferedReader(raw, _BLOCK)
    start = stream.peek(4096)
    for mark, name in _MARKS:
        if start.startswith(mark):
            stream.read(len(mark))
            return (stream, name) if mark == codecs.BOM_UTF8 else (_converted(stream, _CODECS[mark]), name)
    if codec := _unmarked_utf16(start[:2000]):
        return _converted(stream, codec), "UTF-16"
    if b"\r" in start and b"\n" not in start and len(start) > 1:
        return _converted(stream, "latin-1" if _is_windows_1252(start) else "utf-8", carriage_returns=True), ""
    return stream, ""


def _converted(stream: Any, codec: str, *, carriage_returns: bool = False) -> io.BufferedReader:
    raw: Any = _Transcoder(stream, codec, carriage_returns=carriage_returns)
    return io.BufferedReader(raw, _BLOCK)


def _unmarked_utf16(start: bytes) -> str:
    """Return the codec of UTF-16 without byte order mark, or ""."""
    half = len(start) // 2
    if half < 4:
        return ""
    even, odd = start[: 2 * half : 2].count(0), start[1 : 2 * half : 2].count(0)
    if odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.1 * half else ""


def _is_windows_1252(data: bytes) -> bool:
    """Return whether more bytes above ASCII are invalid UTF-8 than there are valid sequences.

    Raises:
        EncodingError: most of them stand in long rows, as in Cyrillic, Greek or Chinese text, or many are undefined.
    """
    valid = len(_MULTIBYTE.findall(data))
    if len(_NOT_ASCII.findall(_MULTIBYTE.sub(b"", data))) <= valid:
        return False
    high = len(_NOT_ASCII.findall(data))
    if 2 * sum(map(len, _RUN.findall(data))) > high or len(_UNDEFINED.findall(data)) > _MOST_UNDEFINED * high:
        raise EncodingError
    return True


def text_chunks(stream: io.BufferedReader) -> Iterator[str]:
    """Yield a stream's text in parts of about a megabyte, whatever its lines; never an empty one.

    The encoding is UTF-8, or Windows-1252 if the first part that is not ASCII is no UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    windows: bool | None = None
    while data := stream.read(_BLOCK):
        if windows is None and not data.isascii():
            windows = _is_windows_1252(data)
        text = data.decode("latin-1").translate(_WINDOWS_1252) if windows else decoder.decode(data)
        if text:
            yield text


class Lines:
    """Iterator over a stream's lines as text.

    Without a byte order mark the first line that is not ASCII decides: where it and what follows in the buffer is not
    UTF-8, the file is Windows-1252, and nothing before was affected. In UTF-8, bytes that do not belong there become
    lone surrogates.
    """

    def __init__(self, stream: io.BufferedReader, encoding: str = "") -> None:
        self._stream = stream
        self._encoding = encoding
        self.taken: list[bytes] = []  # Lines of the current record.
        self._size = 0  # of them
        self.pending: list[bytes] = []  # Lines to read again, the last one first.
        self.odd = False  # Whether the record contains a NUL, or bytes that are not UTF-8.

    def begin(self) -> None:
        """Begin a record."""
        self.taken, self.odd, self._size = [], False, 0

    @property
    def encoding(self) -> str:
        """Return the encoding's name as far as it is known."""
        return self._encoding or "UTF-8"

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.pending:
            line = self.pending.pop()
        else:
            line = self._stream.readline(LONGEST_LINE + 1)
            if not line:
                raise StopIteration
            if len(line) > LONGEST_LINE:
                raise ValueError(f"a line has more than {LONGEST_LINE:,} bytes, which no row of a table has")
        self.taken.append(line)
        self._size += len(line)
        if self._size > LONGEST_LINE and len(self.taken) > 1:
            raise csv.Error(f"more than {LONGEST_LINE:,} bytes, which no row of a table has")
        if b"\0" in line:
            self.odd = True
        return self._decoded(line)

    def _decoded(self, line: bytes) -> str:
        if self._encoding == "Windows-1252":
            return line.decode("latin-1").translate(_WINDOWS_1252)
        try:
            text = line.decode()
        except UnicodeDecodeError:
            if not self._encoding:
                is_utf8 = not _is_windows_1252(line + self._stream.peek())
                self._encoding = "UTF-8" if is_utf8 else "Windows-1252"
                return self._decoded(line)
            self.odd = True
            return line.decode(errors="surrogateescape")
        if not self._encoding and not line.isascii():
            self._encoding = "UTF-8"
        return text
