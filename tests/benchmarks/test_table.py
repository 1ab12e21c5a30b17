"""The table of all benchmarks, made of stub scripts: what is told of one that holds, fails, breaks or hangs."""

from __future__ import annotations

import importlib
import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

HOLDS = {"claim": "CNN, films/s", "measured": 1.25, "wanted": 1.1, "better": "at least", "floor": "bare | 5 s"}
FAILS = {"claim": "start, s", "measured": 4.0, "wanted": 3.0, "better": "at most", "floor": "import 2 s"}


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("table", "claims"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("table")


def stub(folder: Path, name: str, body: str) -> None:
    """Write a benchmark that puts its options into `quick` and `file` and runs a body."""
    head = "import json, sys\nquick = '--quick' in sys.argv\nfile = sys.argv[sys.argv.index('--claims') + 1]\n"
    (folder / f"{name}.py").write_text(head + textwrap.dedent(body))


def leaving(*claims: dict[str, Any]) -> str:
    return f"open(file, 'w').write({json.dumps(json.dumps(claims))})\n"


def test_each_script_s_claims_are_in_one_table(
    table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub(tmp_path, "good", leaving(HOLDS))
    stub(tmp_path, "bad", leaving(FAILS, HOLDS))
    stub(tmp_path, "long", "raise SystemExit('it was not left out')")
    monkeypatch.setattr(table, "HERE", tmp_path)
    monkeypatch.setattr(
        table, "SCRIPTS", tuple(table.Script(n, q, 60) for n, q in (("good", 1), ("bad", 2), ("long", 0)))
    )
    code = table.main(table.Options(quick=True, markdown=str(tmp_path / "claims.md")))
    said = capsys.readouterr().out
    assert code == 1, "a claim does not hold"
    assert "1/2  good" in said and "2/2  bad" in said and "min left" in said
    assert "Left out: long" in said
    assert "2 of 3 claims hold" in said
    rows = [line for line in (tmp_path / "claims.md").read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in row.replace("\\|", "¦").strip("|").split("|")] for row in rows]
    assert cells[0] == ["claim", "measured", "wanted", "holds", "floor", "script", "seconds"]
    assert cells[2][:6] == ["CNN, films/s", "1.25", "at least 1.1", "yes", "bare ¦ 5 s", "good"]
    assert cells[3][:6] == ["start, s", "4", "at most 3", "NO", "import 2 s", "bad"]
    assert {len(row) for row in cells} == {7}


@pytest.mark.slow
def test_a_script_that_breaks_is_told_and_stops_no_other(
    table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "_LEAST_LIMIT_S", 2)
    stub(tmp_path, "broken", "print('the reason')\nraise SystemExit(3)")
    stub(tmp_path, "hangs", "import time\ntime.sleep(60)")
    stub(tmp_path, "silent", "")
    stub(tmp_path, "full", "assert not quick\n" + leaving(HOLDS))
    scripts = [table.Script(name, 0.1, 0.1) for name in ("broken", "hangs", "silent", "full")]
    broken, hangs, silent, full = table.run_all(scripts, tmp_path, quick=False)
    assert "ended with 3" in broken.failure and "the reason" in broken.failure
    assert "longer than" in hangs.failure
    assert "left no claims" in silent.failure
    assert [claim.holds for claim in full.claims] == [True]
    assert "3 of 4 scripts failed" in table.about([broken, hangs, silent, full], quick=False)


def test_every_benchmark_is_in_the_list(table: Any) -> None:
    helpers = {"claims", "table", "step_time", "gpu_step"}
    there = {path.stem for path in BENCHMARKS.glob("*.py")} - helpers
    assert there <= {script.name for script in table.SCRIPTS}
    with pytest.raises(SystemExit, match="there is no benchmark nothing"):
        table.main(table.Options(only=("nothing",)))
