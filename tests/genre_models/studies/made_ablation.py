"""An ablation of made scores: one component helps by construction, one does nothing, one hurts."""

from __future__ import annotations

from typing import Any

import numpy as np

from genre_models.studies.ablation_effects import RunScores, analysed, evaluate_run

FILMS = {"validation": 150, "test": 300}
GENRES = 5
SHARPNESS = {
    "best": 2.0,
    "coursework": 0.3,
    "best without word dropout": 1.0,  # so word dropout helps
    "best without idle": 2.0,
    "best with focal loss": 1.2,  # so focal loss hurts
    "best with mixup": 2.0,
}
_GROUPS = {"best": ("preset", "", ""), "coursework": ("preset", "", "best")}


def evaluated_runs(seeds: int) -> dict[str, dict[int, RunScores]]:
    """Evaluate made scores: labels times a sharpness of the variant, plus noise of the seed that all variants share."""
    rng = np.random.default_rng(0)
    labels = {split: (rng.random((films, GENRES)) < 0.3).astype(np.float32) for split, films in FILMS.items()}
    evaluated: dict[str, dict[int, RunScores]] = {name: {} for name in SHARPNESS}
    for seed in range(seeds):
        noise = {split: rng.normal(size=labels[split].shape) for split in labels}
        for place, (name, sharpness) in enumerate(SHARPNESS.items()):
            own = np.random.default_rng([seed, place])
            scores = {
                split: 1
                / (1 + np.exp(1 - sharpness * labels[split] - noise[split] - own.normal(0, 0.05, noise[split].shape)))
                for split in labels
            }
            evaluated[name][seed] = evaluate_run(labels, scores, resamples=200)
    return evaluated


def made_ablation(seeds: int = 3, evaluated: dict[str, dict[int, RunScores]] | None = None) -> dict[str, Any]:
    """Return an ablation as the job hands it to the report."""
    evaluated = evaluated_runs(seeds) if evaluated is None else evaluated
    variants = []
    for name in SHARPNESS:
        component = name.split(maxsplit=2)[2] if " " in name else ""
        side = name.split()[1] if " " in name else ""
        group, component, against = _GROUPS.get(name, (side, component, "best"))
        runs = [
            {
                "seed": seed, "trial": 1, "status": "finished", "reason": "", "path": f"/runs/ablation/{name}-{seed}",
                "epochs": 3, "epoch": 2, "seconds": 60.0, "figures": run.metrics,
            }
            for seed, run in evaluated.get(name, {}).items()
        ]  # fmt: skip
        variants.append(
            {
                "name": name, "what": f"<what> {name} is", "group": group, "component": component, "against": against,
                "settings": {"word_dropout": 0.0}, "runs": runs,
            }
        )  # fmt: skip
    return analysed(
        {
            "format": 1, "kind": "lstm", "label": "Overview LSTM", "sees": "overview", "name": "ablation",
            "path": "/runs/ablation", "created": "2026-01-01T00:00:00+00:00", "command": "python ray_jobs/ablate.py",
            "store": {"fingerprint": "f", "path": "/store", "films": {"train": 700, **FILMS}}, "preset": "best",
            "metric": "validation_loss", "seeds": seeds, "resamples": 200, "variants": variants,
        },
        evaluated,
    )  # fmt: skip
