"""What tests of a sweep's page share."""

from __future__ import annotations

import pytest

from genre_models.studies import sweep_analysis


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let importance be computed quickly; its own tests see to how well."""
    monkeypatch.setattr(sweep_analysis, "_TREES", 30)
    monkeypatch.setattr(sweep_analysis, "_SHUFFLES", 2)
