"""What importing the training loop leaves out, and that it is there for who asks for it afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genre_models.training.import_guard import without

pytestmark = pytest.mark.slow


def test_a_package_is_absent_within_the_block_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with pytest.raises(ModuleNotFoundError, match="this"), without("this"):
        import this  # noqa: F401
    assert "this" not in sys.modules


def test_what_is_imported_already_stays() -> None:
    with without("json"):
        import json
    assert sys.modules["json"] is json


def test_the_training_loop_comes_without_what_only_keras_wrappers_need() -> None:
    asked = (
        "import sys, genre_models.training.trainer;"
        "print(sorted({'sklearn', 'matplotlib'} & set(sys.modules)));"
        "import sklearn.metrics, matplotlib.pyplot; print('there')"
    )
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert said.split("\n")[:2] == ["[]", "there"]
