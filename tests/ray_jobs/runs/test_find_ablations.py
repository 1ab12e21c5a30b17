"""Ablations below a runs folder: found for the page, their variants passed over where the best run is looked for."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ray_jobs.runs.find_ablations import find_ablations, variants_below
from ray_jobs.runs.find_checkpoints import best_below


def ablation(runs: Path, name: str, created: str, **other: Any) -> None:
    """Write an ablation with a training of the preset, trial 1, and one of a variant, trial 2."""
    variants = [
        {"name": "best", "group": "preset", "runs": [{"path": "/moved/from/elsewhere/trial-001"}]},
        {"name": "best with focal loss", "group": "with", "runs": [{"path": "/moved/from/elsewhere/trial-002"}]},
    ]
    told = {
        "format": 1, "kind": "lstm", "preset": "best", "name": name, "created": created, "variants": variants,
        "store": {"fingerprint": "f"},
    } | other  # fmt: skip
    (runs / name).mkdir(parents=True)
    (runs / name / "ablation.json").write_text(json.dumps(told))


def checkpoint(folder: Path, loss: float) -> str:
    folder.mkdir(parents=True)
    metadata = {"format": 1, "kind": "lstm", "epoch": 1, "figures": {"validation_loss": loss}, "store": {}}
    (folder / "checkpoint.json").write_text(json.dumps(metadata))
    return str(folder)


def test_the_best_checkpoint_is_no_variant_of_an_ablation_unless_it_is_named(tmp_path: Path) -> None:
    ablation(tmp_path, "components", "2026-01-01")
    run = checkpoint(tmp_path / "run" / "epoch-001", 0.5)
    preset = checkpoint(tmp_path / "components" / "trial-001" / "epoch-001", 0.4)
    variant = checkpoint(tmp_path / "components" / "trial-002" / "epoch-001", 0.1)

    def best(folder: Path) -> str:
        found = best_below(str(folder), kind="lstm")
        assert found is not None
        return found.path

    assert variants_below(str(tmp_path)) == (str(tmp_path / "components" / "trial-002"),)
    assert best(tmp_path) == best(tmp_path / "components") == preset
    assert best(tmp_path / "run") == run
    assert best(tmp_path / "components" / "trial-002") == variant


def test_the_newest_ablation_of_each_preset_on_the_store_is_shown(tmp_path: Path) -> None:
    ablation(tmp_path, "old", "2026-01-01")
    ablation(tmp_path, "new", "2026-01-02")
    ablation(tmp_path, "pretrained", "2025-01-01", preset="pretrained")
    ablation(tmp_path, "elsewhere", "2026-01-03", store={"fingerprint": "another"})
    ablation(tmp_path, "later version", "2026-01-04", format=2)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "ablation.json").write_text("{")
    store = cast(Any, SimpleNamespace(manifest=SimpleNamespace(fingerprint="f")))
    found = find_ablations(store, str(tmp_path))
    assert [one["name"] for one in found] == ["new", "pretrained"]
    assert found[0]["path"] == str(tmp_path / "new")
