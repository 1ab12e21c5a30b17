"""Sweeps whose file is damaged are left out of a comparison, with a line that names it."""

from __future__ import annotations

import io
from typing import Any

import pytest

from ray_jobs.cli.console import Console
from ray_jobs.evaluation.find_sweeps import _is_readable
from tests.genre_models.report.sweep.test_page import example_sweep


@pytest.mark.parametrize(
    "change",
    [
        {"trials": [1]},
        {"trials": [{}]},
        {"trials": [{"number": "x"}]},
        {"kind": "forest"},
        {"kind": [1]},
        {"mode": None, "trials": 3},
        {"epochs": "many"},
    ],
)
def test_a_damaged_sweep_is_left_out_with_a_line(change: dict[str, Any]) -> None:
    stream = io.StringIO()
    sweep = example_sweep(trials=4) | {"path": "/runs/sweep"}
    assert _is_readable(sweep, Console(stream)) and not stream.getvalue()
    assert not _is_readable(sweep | change, Console(stream))
    assert stream.getvalue() == "/runs/sweep/sweep.json is damaged: this sweep is left out of the report\n"
