"""A sample of the hostile cases, and the sound inputs after them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.fuzz import as_before, faults


# Pillow warns of damaged pictures in ways that its users do not see.
@pytest.mark.filterwarnings("ignore")
def test_each_hostile_case_ends_in_a_result_or_one_clear_sentence(tmp_path: Path) -> None:
    before = as_before(tmp_path / "before")
    assert list(faults(cases=154, seed=1)) == []
    assert as_before(tmp_path / "after") == before
