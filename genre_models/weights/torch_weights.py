"""Safe reader of PyTorch weight files (.pth, .pt, .bin) that does not need PyTorch.

A .pth file is a pickle, which may call any function when it is loaded. This reader allows three names and rejects all
others. It supports both formats of PyTorch (torch/serialization.py, torch 2.x): the legacy one, pickles followed by the
raw data, and the newer ZIP archive.
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

from genre_models.weights.pickle_checks import PickleError, check_pickle

_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the legacy format
_PROTOCOL = 1001  # the second
# Data types of PyTorch's storages (flat arrays). bfloat16 is missing: numpy does not support it.
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
    """A file that is not a PyTorch state dict of tensors alone; the message is for users."""


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype[Any]
    elements: int


class _Tensor(NamedTuple):
    """A tensor before its data is read: a view of a storage, with strides in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Return a state dict's tensors by name, in file order, each as its own array.

    Raises:
        WeightsError: the file is not a plain state dict (names and tensors), is damaged, or calls other functions.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        try:
            newer = file.read(4) == b"PK\x03\x04"  # PyTorch's own test of the format
            file.seek(0)
            return _from_zip(file) if newer else _from_pickles(file, path.stat().st_size)
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from error
        # A broken pickle can raise any exception, a broken ZIP nearly any.
        except Exception as error:
            raise WeightsError(
                f"{path} is no PyTorch file, or a damaged one ({type(error).__name__}: {error})"
            ) from error


class _Unpickler(pickle.Unpickler):
    """An unpickler of plain Python values and tensors."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement of one of the three allowed names."""
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._rebuild
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _DTYPES:
            # A string: the pickle cannot call or modify it.
            return name
        raise WeightsError(f"holds {module}.{name}, and not only tensors: it is not read, as reading may run its code")

    def persistent_load(self, pid: Any) -> _Storage:
        """Return the storage for PyTorch's persistent id, a tuple."""
        kind, dtype, key, _device, count, *view = pid
        if kind != "storage" or any(part is not None for part in view):
            raise WeightsError(f"holds a {kind!r} that is not known (views of storages are of PyTorch before 0.4)")
        return _Storage(str(key), np.dtype(_DTYPES[dtype]), _count(count))

    def _rebuild(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
        """Replace torch._utils._rebuild_tensor_v2; arguments after the strides matter only for training."""
        if not isinstance(storage, _Storage):
            raise WeightsError("holds a tensor without a storage")
        return _Tensor(storage, _count(offset), tuple(map(_count, shape)), tuple(map(_count, strides)))


def _load(file: BinaryIO) -> Any:
    """Load the pickle at the file's position, after a check of its size when loaded."""
    start = file.tell()
    try:
        check_pickle(file)
    except PickleError as error:
        raise WeightsError(f"{error}: it is not loaded") from error
    file.seek(start)
    return _Unpickler(file).load()


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise WeightsError(f"counts {value!r} elements")
    return value


def _from_pickles(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    """Read the legacy format: magic number, protocol, machine, values, storage keys, and raw data."""
    # A new unpickler for each pickle, as in PyTorch: the memo is not shared.
    magic, protocol, machine = (_load(file) for _ in range(3))
    if (magic, protocol) != (_MAGIC, _PROTOCOL) or machine.get("little_endian") is not True:
        raise WeightsError(f"is of a form that is not read here (protocol {protocol!r}, {machine!r})")
    tensors = _tensors(_load(file))
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    numbers: dict[str, bytes] = {}
    for key in _load(file):
        (count,) = struct.unpack("<q", file.read(8))
        if key not in storages or not 0 <= count * storages[key].dtype.itemsize <= size:
            raise WeightsError(f"has {count:,} numbers in storage {key!r}: more than the file, or of no tensor")
        numbers[key] = file.read(count * storages[key].dtype.itemsize)
    return {name: _array(tensor, numbers[tensor.storage.key], name) for name, tensor in tensors.items()}


def _from_zip(file: BinaryIO) -> dict[str, np.ndarray]:
    """Read the ZIP format: NAME/data.pkl, and each storage's raw data in NAME/data/KEY, uncompressed."""
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename.partition("/")[2]: entry for entry in archive.infolist()}
        if "data.pkl" not in entries:
            raise WeightsError("is a ZIP archive, but none of PyTorch's: it has no data.pkl")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise WeightsError("is a compressed ZIP archive: PyTorch writes none")
        if "byteorder" in entries and archive.read(entries["byteorder"]) != b"little":
            raise WeightsError("was written with the highest byte first, which is not read here")
        tensors = _tensors(_load(io.BytesIO(archive.read(entries["data.pkl"]))))
        return {
            name: _array(tensor, archive.read(entries[f"data/{tensor.storage.key}"]), name)
            for name, tensor in tensors.items()
        }


def _tensors(values: Any) -> dict[str, _Tensor]:
    """Return the unpickled values after checking that they are a state dict."""
    if not isinstance(values, dict) or not values:
        raise WeightsError(f"holds a {type(values).__name__} and not a state dict (names and tensors)")
    for name, value in values.items():
        if not isinstance(name, str) or not isinstance(value, _Tensor):
            raise WeightsError(f"is not a plain state dict: {name!r} is a {type(value).__name__} and not a tensor")
    return dict(values)


def _array(tensor: _Tensor, numbers: bytes, name: str) -> np.ndarray:
    """Return a tensor as an array, given the bytes of its storage."""
    storage = tensor.storage
    if len(numbers) != storage.elements * storage.dtype.itemsize:
        raise WeightsError(f"is cut short: {name} has {len(numbers):,} bytes for {storage.elements:,} numbers")
    flat = np.frombuffer(numbers, storage.dtype)
    # numpy does not check strides: beyond the buffer they would read foreign memory.
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    size = math.prod(tensor.shape)
    if size > len(flat) or (size and last >= len(flat)):
        raise WeightsError(f"is damaged: {name} {list(tensor.shape)} is larger than its storage of {len(flat):,}")
    if not size:
        return np.zeros(tensor.shape, storage.dtype)
    steps = [stride * storage.dtype.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, steps, writeable=False).copy()
