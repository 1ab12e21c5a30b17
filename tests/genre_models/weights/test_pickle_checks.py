"""Pickles that would hang or flood whoever loads them are refused before they are loaded."""

from __future__ import annotations

import io
import pickle
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from genre_models.weights.pickle_checks import PickleError, check_pickle
from genre_models.weights.torch_weights import WeightsError, read_state_dict


def nested(levels: int, of: type = tuple) -> Any:
    value: Any = of(("a",))
    for _ in range(levels):
        value = of((value, value))
    return value


BOMBS = {
    "tuples that take for ever to hash": b"\x80\x02}" + pickle.dumps(nested(60), protocol=2)[2:-1] + b"K\x01s.",
    "lists a billion times": pickle.dumps(nested(40, list), protocol=2),
    "a memo of gigabytes": b"\x80\x02}r\xff\xff\xff\x7f.",
    "a list that holds itself, doubled": b"\x80\x02]q\x00" + b"(h\x00h\x00e" * 60 + b".",
    "an operation of objects": b"\x80\x02ctorch\nFloatStorage\n)\x81.",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused(bomb: str, tmp_path: Path) -> None:
    started = time.process_time()
    with pytest.raises(PickleError):
        check_pickle(io.BytesIO(BOMBS[bomb]))
    for path in (tmp_path / "old.pth", tmp_path / "new.pth"):
        path.write_bytes(BOMBS[bomb])
    with zipfile.ZipFile(tmp_path / "new.pth", "w") as archive:
        archive.writestr("weights/data.pkl", BOMBS[bomb])
    for path in (tmp_path / "old.pth", tmp_path / "new.pth"):
        with pytest.raises(WeightsError, match="it is not loaded"):
            read_state_dict(path)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "data", [b"", b".", b"\x80\x02a.", b"\x80\x02(.", b"\x80\x02e.", b"\x80\x02h\x05.", b"garbage"]
)
def test_damaged_pickles_are_no_more_than_that(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(data)
    with pytest.raises(WeightsError, match=r"weights.pth"):
        read_state_dict(tmp_path / "weights.pth")


def test_plain_values_pass() -> None:
    values = {f"layer {i}": ("storage", i, 1.5, None, True, [i, (i, i)]) for i in range(1000)}
    for protocol in (2, 3, 4):
        stream = io.BytesIO(pickle.dumps(values, protocol=protocol) + b"behind")
        check_pickle(stream)
        assert stream.read() == b"behind"
