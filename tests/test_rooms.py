"""The rooms import what the house plan lets them, read from the source: a lazy import counts like any other."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OWN_LAYERS = ("feature_layers", "fused_lstm", "fusion_layers", "text_layers")
OURS = {"datasets", "genre_models", "ray_jobs"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports_of(path: Path) -> list[str]:
    """Every module a file imports, anywhere in it, by its full name: `from a import b` counts as a and a.b."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                found += [name.name for name in node.names]
            case ast.ImportFrom(level=0, module=str(module)):
                found += [module, *(f"{module}.{name.name}" for name in node.names)]
            case ast.ImportFrom():
                package = path.relative_to(ROOT).parent.parts
                base = ".".join((*package[: len(package) - node.level + 1], *filter(None, [node.module])))
                found += [base, *(f"{base}.{name.name}" for name in node.names)]
    return found


def packages_of(path: Path) -> set[str]:
    """The top-level packages a file imports."""
    return {name.split(".")[0] for name in imports_of(path)}


def breaches(paths: list[Path], forbidden: set[str]) -> Iterator[str]:
    for path in paths:
        for package in sorted(packages_of(path) & forbidden):
            yield f"{path.relative_to(ROOT)} imports {package}"


def test_the_reader_of_imports_sees_them_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "room").mkdir()
    source = tmp_path / "room" / "file.py"
    source.write_text("import a.b as c\nfrom d import e\ndef f():\n    from .g import h\n    from . import i\n")
    assert set(imports_of(source)) == {"a.b", "d", "d.e", "room.g", "room.g.h", "room", "room.i"}


def test_every_room_is_there() -> None:
    for room in (*OURS, "genre_models/report", "ray_jobs/_shared"):
        assert len(sources(room)) > 3, room


def test_datasets_know_no_models_and_no_jobs() -> None:
    assert list(breaches(sources("datasets"), {"tensorflow", "keras", "genre_models", "ray_jobs"})) == []


def test_models_know_no_ray_and_no_jobs() -> None:
    assert list(breaches(sources("genre_models"), {"ray", "ray_jobs", "datasets"})) == []


def test_tensorflow_is_in_one_file() -> None:
    using = [path for path in sources(*OURS) if "tensorflow" in packages_of(path)]
    assert using == [ROOT / "genre_models" / "fit.py"]


@pytest.mark.parametrize("name", ["poster_cnn", "overview_lstm", "fusion_gmu", *OWN_LAYERS])
def test_model_file_runs_on_any_keras_backend(name: str) -> None:
    path = ROOT / "genre_models" / f"{name}.py"
    packages = packages_of(path) - set(sys.stdlib_module_names)
    assert "keras" in packages and packages <= {"keras", "genre_models"}
    # Of ours only layers, models and encoders, themselves in Keras alone, and what describes a search space.
    ours = [module for module in imports_of(path) if module.startswith("genre_models")]
    others = ("search_space", "backbones", "poster_cnn", "overview_lstm")
    allowed = tuple(f"genre_models.{name}" for name in (*OWN_LAYERS, *others))
    assert all(module == "genre_models" or module.startswith(allowed) for module in ours)


def test_report_needs_only_results() -> None:
    # markupsafe is a part of jinja2 in a package of its own.
    allowed = {"matplotlib", "jinja2", "markupsafe", "numpy", *sys.stdlib_module_names}
    for path in sources("genre_models/report"):
        for name in imports_of(path):
            own = name == "genre_models" or (name + ".").startswith("genre_models.report.")
            assert own or name.split(".")[0] in allowed, f"{path.relative_to(ROOT)} imports {name}"


def test_nobody_imports_the_jobs() -> None:
    """But for the benchmarks: what is timed is the very code that the jobs run."""
    others = [path for path in sources("datasets", "genre_models") if path.is_file()]
    assert list(breaches(others, {"ray_jobs"})) == []


def test_keras_is_keras_3() -> None:
    """The Keras inside TensorFlow is asked for by no spelling: neither as a module of it nor as an attribute."""
    for path in sources(*OURS, "benchmarks"):
        assert not [name for name in imports_of(path) if name.startswith("tensorflow.keras")], path
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "keras":
                assert ast.unparse(node.value) not in {"tf", "tensorflow", "tf.compat.v1"}, f"{path}:{node.lineno}"
