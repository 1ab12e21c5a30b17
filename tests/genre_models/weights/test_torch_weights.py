"""PyTorch's files are read without PyTorch, and nothing that a pickle asks for is run."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genre_models.weights.torch_weights import WeightsError, read_state_dict

NUMBERS = np.arange(12, dtype=np.float32) / 4


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """A stand-in of PyTorch with the names its files speak of, so that files can be written as it writes them."""
    module, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2() -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    for name in ("FloatStorage", "LongStorage", "BFloat16Storage"):
        setattr(module, name, type(name, (), {"__module__": "torch"}))
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return module


class Tensor:
    """A tensor as PyTorch pickles it: a view of a storage that stands outside the pickle."""

    def __init__(self, kind: Any, key: str, count: int, offset: int, shape: tuple, strides: tuple) -> None:
        self.storage = ("storage", kind, key, "cpu", count)
        self.view = (offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> tuple:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (Storage(self.storage), *self.view)


class Storage:
    def __init__(self, pid: tuple) -> None:
        self.pid = pid


def pickled(value: Any, *, older: bool = False) -> bytes:
    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return (*value.pid, *([None] if older else [])) if isinstance(value, Storage) else None

    stream = io.BytesIO()
    Pickler(stream, protocol=2).dump(value)
    return stream.getvalue()


def older_form(value: Any, storages: dict[str, np.ndarray]) -> bytes:
    head = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    parts = [struct.pack("<q", array.size) + array.tobytes() for array in storages.values()]
    return b"".join([*head, pickled(value, older=True), pickle.dumps(list(storages), 2), *parts])


def newer_form(value: Any, storages: dict[str, np.ndarray], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.writestr("weights/data.pkl", pickled(value))
        archive.writestr("weights/byteorder", "little")
        for key, array in storages.items():
            archive.writestr(f"weights/data/{key}", array.tobytes())
    return stream.getvalue()


FORMS = pytest.mark.parametrize("form", [older_form, newer_form])


def read(folder: Path, data: bytes) -> dict[str, np.ndarray]:
    (folder / "weights.pth").write_bytes(data)
    return read_state_dict(folder / "weights.pth")


@FORMS
def test_tensors_come_out_as_they_went_in(torch: Any, tmp_path: Path, form: Any) -> None:
    """Two views of one storage, one of them transposed, a whole number without a dimension, and an empty tensor."""
    state = OrderedDict(
        [
            ("matrix", Tensor(torch.FloatStorage, "7", 12, 0, (3, 4), (4, 1))),
            ("turned", Tensor(torch.FloatStorage, "7", 12, 2, (2, 3), (1, 4))),
            ("steps", Tensor(torch.LongStorage, "8", 1, 0, (), ())),
            ("nothing", Tensor(torch.LongStorage, "8", 1, 0, (0, 5), (5, 1))),
        ]
    )
    state._metadata = {"version": 1}  # PyTorch hangs this on every state dict
    have = read(tmp_path, form(state, {"7": NUMBERS, "8": np.array([41], np.int64)}))
    assert list(have) == ["matrix", "turned", "steps", "nothing"]
    np.testing.assert_array_equal(have["matrix"], NUMBERS.reshape(3, 4))
    np.testing.assert_array_equal(have["turned"], NUMBERS.reshape(3, 4)[:, 2:].T)
    assert have["steps"] == 41 and have["steps"].dtype == np.int64 and have["steps"].shape == ()
    assert have["nothing"].shape == (0, 5)
    have["matrix"][0] = 9  # an array of its own
    assert have["turned"].max() < 9


class Attack:
    """What an attacker puts into a pickle: reading it calls `function(*arguments)`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


@FORMS
@pytest.mark.parametrize("function", [os.system, eval, getattr, __import__, np.load, pickle.loads])
def test_a_pickle_that_calls_something_is_refused(torch: Any, tmp_path: Path, form: Any, function: Any) -> None:
    """Also inside a state dict with a sound tensor before it."""
    left = tmp_path / "left"
    attack = Attack(function, f"touch {left}")
    sound = Tensor(torch.FloatStorage, "0", 12, 0, (12,), (1,))
    for state in (attack, {"sound": sound, "bad": attack}):
        with pytest.raises(WeightsError, match=r"weights\.pth: holds .* and not only tensors"):
            read(tmp_path, form(state, {"0": NUMBERS}))
    assert not left.exists()


def test_the_first_pickles_of_the_older_form_are_no_way_in(tmp_path: Path) -> None:
    left = tmp_path / "left"
    with pytest.raises(WeightsError, match=r"holds posix\.system"):
        read(tmp_path, pickle.dumps(Attack(os.system, f"touch {left}"), 2))
    assert not left.exists()


@FORMS
@pytest.mark.parametrize(
    ("offset", "shape", "strides", "said"),
    [
        (9, (4,), (1,), "larger than its storage"),
        (0, (3, 4), (5, 1), "larger than its storage"),
        (0, (1_000_000, 1_000_000), (0, 0), "larger than its storage"),
        (-1, (4,), (1,), "counts -1"),
        (0, (4,), (-1,), "counts -1"),
        (0, (4,), (1, 1), "damaged"),
    ],
)
def test_a_tensor_cannot_reach_beyond_its_numbers(
    torch: Any, tmp_path: Path, form: Any, offset: int, shape: tuple, strides: tuple, said: str
) -> None:
    state = {"weight": Tensor(torch.FloatStorage, "0", 12, offset, shape, strides)}
    with pytest.raises(WeightsError, match=said):
        read(tmp_path, form(state, {"0": NUMBERS}))


@FORMS
def test_what_is_no_state_dict_is_named(torch: Any, tmp_path: Path, form: Any) -> None:
    tensor = Tensor(torch.FloatStorage, "0", 12, 0, (12,), (1,))
    for state, said in (
        ({"state_dict": {"weight": tensor}}, "'state_dict' is a dict and not a tensor"),
        ({}, "not a state dict"),
        ([tensor], "holds a list"),
        ({"weight": Tensor(torch.BFloat16Storage, "0", 12, 0, (12,), (1,))}, r"torch\.BFloat16Storage"),
    ):
        with pytest.raises(WeightsError, match=said):
            read(tmp_path, form(state, {"0": NUMBERS}))


@FORMS
def test_a_file_cut_short_is_named(torch: Any, tmp_path: Path, form: Any) -> None:
    whole = form({"weight": Tensor(torch.FloatStorage, "0", 12, 0, (12,), (1,))}, {"0": NUMBERS})
    assert read(tmp_path, whole)["weight"].shape == (12,)
    for length in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        with pytest.raises(WeightsError, match=r"weights\.pth"):
            read(tmp_path, whole[:length])


def test_other_files_are_named(torch: Any, tmp_path: Path) -> None:
    state = {"weight": Tensor(torch.FloatStorage, "0", 12, 0, (12,), (1,))}
    for data, said in (
        (b"not a pickle at all", "no PyTorch file"),
        (pickle.dumps({"weight": 1}), "no PyTorch file"),
        (newer_form(state, {"0": NUMBERS}, zipfile.ZIP_DEFLATED), "compressed"),
    ):
        with pytest.raises(WeightsError, match=said):
            read(tmp_path, data)
