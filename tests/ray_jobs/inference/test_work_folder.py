"""The plan of an unfinished prediction: read as it was written, or named as damaged."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ray_jobs.cli.errors import TrainError
from ray_jobs.inference.work_folder import Plan, WorkFolder

PLAN = Plan("/films", "f", {"/model": "a"}, 3, 1, (("tt1", 2, "row malformed", "why"),))


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert WorkFolder(str(tmp_path)).plan() is None
    (tmp_path / "plan.json").write_text(json.dumps(asdict(PLAN)))
    assert WorkFolder(str(tmp_path)).plan() == PLAN


@pytest.mark.parametrize(
    "change",
    [
        {"count": -1},
        {"parts": None},
        {"models": [1]},
        {"models": {"/m": 3}},
        {"malformed": 3},
        {"malformed": [[1]]},
        "{",
    ],
)
def test_a_damaged_plan_is_named(change: Any, tmp_path: Path) -> None:
    text = change if isinstance(change, str) else json.dumps(asdict(PLAN) | change)
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(TrainError, match=r"plan.json is damaged .* begin again by --overwrite"):
        WorkFolder(str(tmp_path)).plan()
