"""Raw streams: a part of a file, and a compressed file that cannot become endless."""

from __future__ import annotations

import errno
import io
from typing import Any

import pyarrow as pa

_INFLATED, _RATIO = 64 << 20, 100  # bytes of any compressed file, and its bytes for each one in the file


class Counted(io.RawIOBase):
    """Stream that counts the bytes it passes on."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.count = stream, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


class Inflated(Counted):
    """Decompressed stream that ends in an OSError where a few bytes become endless ones."""

    def __init__(self, stream: Any, packed: Counted, name: str) -> None:
        super().__init__(stream)
        self._packed, self._name = packed, name

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        read = super().readinto(buffer)
        if self.count > _INFLATED + _RATIO * self._packed.count:
            detail = f"becomes more than {self.count:,} bytes from {self._packed.count:,}, as no table does"
            raise OSError(errno.EFBIG, detail, self._name)
        return read

    def close(self) -> None:
        super().close()
        self._packed.close()


class Range(io.RawIOBase):
    """Part of a file as a stream."""

    def __init__(self, file: pa.NativeFile, start: int, size: int) -> None:
        self._file, self._next, self._end = file, start, start + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._file.read_at(min(len(buffer), self._end - self._next), self._next)
        buffer[: len(data)] = data
        self._next += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
