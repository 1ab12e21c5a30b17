"""Reads the weights of a PyTorch file (.pth, .pt, .bin) without PyTorch, and without running what a pickle asks for.

A .pth file is a pickle, and a pickle may name any function to call when it is read. This reader knows three names and
refuses every other. Both forms of PyTorch's files are read (torch/serialization.py, torch 2.x): the older one, pickles
followed by the numbers, and the newer one, a ZIP archive.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older form
_PROTOCOL = 1001  # its second
# PyTorch calls an array in memory a storage. bfloat16 is left out: numpy has none.
_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}


class WeightsError(ValueError):
    """A file that is no PyTorch state dict, or one that asks for more than tensors; the message is for the person."""


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype[Any]
    elements: int


class _Tensor(NamedTuple):
    """A tensor before its numbers are read: a view of a storage, as numpy's strides but counted in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Return a state dict's tensors by name, in the file's order; each an array of its own.

    Raises:
        WeightsError: the file is not a plain state dict (names and tensors), is damaged, or names something to call.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            newer = file.read(4) == b"PK\x03\x04"  # as PyTorch tells them apart
            file.seek(0)
            return _from_zip(file) if newer else _from_pickles(file, path.stat().st_size)
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from error
        # A broken pickle raises whatever its bytes happen to ask for; a wrong ZIP nearly as much.
        except Exception as error:
            raise WeightsError(
                f"{path} is no PyTorch file, or a damaged one ({type(error).__name__}: {error})"
            ) from error


class _Unpickler(pickle.Unpickler):
    """Unpickles plain Python values and tensors."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a name in the pickle: one of three things."""
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._rebuild
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _DTYPES:
            # A string: nothing of it can be called or changed from within the pickle.
            return name
        raise WeightsError(f"holds {module}.{name}, and not only tensors: it is not read, as reading may run its code")

    def persistent_load(self, pid: Any) -> _Storage:
        """Return the storage a tensor is a view of; `pid` is PyTorch's tuple that names it."""
        kind, dtype, key, _device, count, *view = pid
        if kind != "storage" or any(part is not None for part in view):
            raise WeightsError(f"holds a {kind!r} that is not known (views of storages are of PyTorch before 0.4)")
        return _Storage(str(key), np.dtype(_DTYPES[dtype]), _count(count))

    def _rebuild(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
        """Stand in for torch._utils._rebuild_tensor_v2: what follows the strides is of training."""
        if not isinstance(storage, _Storage):
            raise WeightsError("holds a tensor without a storage")
        return _Tensor(storage, _count(offset), tuple(map(_count, shape)), tuple(map(_count, strides)))


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise WeightsError(f"counts {value!r} elements")
    return value


def _from_pickles(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    """Read the older form: magic number, protocol, machine, the values, the storages' keys, and their numbers."""
    # Each pickle by an unpickler of its own, as PyTorch does: none goes on from what another remembers.
    magic, protocol, machine = (_Unpickler(file).load() for _ in range(3))
    if (magic, protocol) != (_MAGIC, _PROTOCOL) or machine.get("little_endian") is not True:
        raise WeightsError(f"is of a form that is not read here (protocol {protocol!r}, {machine!r})")
    tensors = _tensors(_Unpickler(file).load())
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    numbers: dict[str, bytes] = {}
    for key in _Unpickler(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        if key not in storages or not 0 <= count * storages[key].dtype.itemsize <= size:
            raise WeightsError(f"has {count:,} numbers in storage {key!r}: more than the file, or of no tensor")
        numbers[key] = file.read(count * storages[key].dtype.itemsize)
    return {name: _array(tensor, numbers[tensor.storage.key], name) for name, tensor in tensors.items()}


def _from_zip(file: BinaryIO) -> dict[str, np.ndarray]:
    """Read the newer form: NAME/data.pkl, and each storage's numbers in NAME/data/KEY, none of them compressed."""
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename.partition("/")[2]: entry for entry in archive.infolist()}
        if "data.pkl" not in entries:
            raise WeightsError("is a ZIP archive, but none of PyTorch's: it has no data.pkl")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise WeightsError("is a compressed ZIP archive: PyTorch writes none")
        if "byteorder" in entries and archive.read(entries["byteorder"]) != b"little":
            raise WeightsError("was written with the highest byte first, which is not read here")
        tensors = _tensors(_Unpickler(io.BytesIO(archive.read(entries["data.pkl"]))).load())
        return {
            name: _array(tensor, archive.read(entries[f"data/{tensor.storage.key}"]), name)
            for name, tensor in tensors.items()
        }


def _tensors(values: Any) -> dict[str, _Tensor]:
    """Check that the unpickled object is a state dict, and return it."""
    if not isinstance(values, dict) or not values:
        raise WeightsError(f"holds a {type(values).__name__} and not a state dict (names and tensors)")
    for name, value in values.items():
        if not isinstance(name, str) or not isinstance(value, _Tensor):
            raise WeightsError(f"is not a plain state dict: {name!r} is a {type(value).__name__} and not a tensor")
    return dict(values)


def _array(tensor: _Tensor, numbers: bytes, name: str) -> np.ndarray:
    """Return a tensor's numbers out of the bytes of its storage."""
    storage = tensor.storage
    if len(numbers) != storage.elements * storage.dtype.itemsize:
        raise WeightsError(f"is cut short: {name} has {len(numbers):,} bytes for {storage.elements:,} numbers")
    flat = np.frombuffer(numbers, storage.dtype)
    # numpy does not look where strides lead to: beyond the bytes they would read foreign memory.
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    size = math.prod(tensor.shape)
    if size > len(flat) or (size and last >= len(flat)):
        raise WeightsError(f"is damaged: {name} {list(tensor.shape)} is larger than its storage of {len(flat):,}")
    if not size:
        return np.zeros(tensor.shape, storage.dtype)
    steps = [stride * storage.dtype.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, steps, writeable=False).copy()
