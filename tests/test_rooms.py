"""The rooms import what the house plan lets them, read from the source: a lazy import counts like any other."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Rooms of each package, lowest first: what is in a room imports its own and those before it. Packages in their order:
# datasets is below genre_models, and both are below ray_jobs, whose jobs lie beside its rooms and above all of them.
ROOMS = {
    "datasets": ("storage", "text", "tables", "raw", "store", "batches", "sample"),
    "genre_models": (
        *("layers", "weights", "encoders", "models", "metrics", "training"),
        *("presets.cnn", "presets.lstm", "presets.fusion", "presets.lookup", "studies", "checkpoint_files"),
        *("checkpoint", "explain", "predictors"),
        "export",
        *("report.style", "report.charts", "report.findings", "report.study", "report.sweep", "report.ablation"),
        *(
            "report.explore",
            "report.genres",
            "report.cards",
            "report.comparison",
            "report.prediction",
            "report.serving",
        ),
    ),
    "ray_jobs": (
        "cli",
        "cluster",
        "runs",
        "inputs",
        "training",
        "tuning",
        "evaluation",
        "ablation",
        "inference",
        "serving",
        "exporting",
    ),
}
MOST_FILES = 12
SOURCES = {".py", ".html", ".css", ".js"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def folders(*within: str) -> list[Path]:
    """Folders that hold sources, each of `within` and all below it."""
    found = {path.parent for folder in within for path in (ROOT / folder).rglob("*") if path.suffix in SOURCES}
    return sorted(folder for folder in found if folder.name != "__pycache__")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@functools.cache
def nodes_of(path: Path) -> list[ast.AST]:
    """All of a file's syntax tree, its module first."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@functools.cache
def imports_of(path: Path) -> tuple[str, ...]:
    """Every module a file imports, anywhere in it, by its full name: `from a import b` counts as a and a.b."""
    found: list[str] = []
    for node in nodes_of(path):
        match node:
            case ast.Import():
                found += [name.name for name in node.names]
            case ast.ImportFrom(level=0, module=str(module)):
                found += [module, *(f"{module}.{name.name}" for name in node.names)]
            case ast.ImportFrom():
                package = path.relative_to(ROOT).parent.parts
                base = ".".join((*package[: len(package) - node.level + 1], *filter(None, [node.module])))
                found += [base, *(f"{base}.{name.name}" for name in node.names)]
    return tuple(found)


def packages_of(path: Path) -> set[str]:
    """The top-level packages a file imports."""
    return {name.split(".")[0] for name in imports_of(path)}


def breaches(paths: list[Path], forbidden: set[str]) -> Iterator[str]:
    for path in paths:
        for package in sorted(packages_of(path) & forbidden):
            yield f"{path.relative_to(ROOT)} imports {package}"


def floor_of(name: str) -> int | None:
    """How high a module lies in its package: the place of its room, above all rooms where it is in none; None for what
    only leads to rooms."""
    package, _, inner = name.partition(".")
    rooms = ROOMS[package]
    if not inner or any(room.startswith(f"{inner}.") for room in rooms):
        return None
    return next((place for place, room in enumerate(rooms) if f"{inner}.".startswith(f"{room}.")), len(rooms))


def circles(graph: dict[str, set[str]]) -> set[str]:
    """The nodes from which a way leads back to themselves."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        to_do = [start]
        while to_do:
            new = graph.get(to_do.pop(), set()) - found
            found |= new
            to_do += new
        return found

    return {node for node in graph if node in reached(node)}


def test_the_reader_of_imports_sees_them_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "room").mkdir()
    source = tmp_path / "room" / "file.py"
    source.write_text("import a.b as c\nfrom d import e\ndef f():\n    from .g import h\n    from . import i\n")
    assert set(imports_of(source)) == {"a.b", "d", "d.e", "room.g", "room.g.h", "room", "room.i"}


def test_floors_and_circles_by_hand() -> None:
    assert floor_of("datasets") is None and floor_of("genre_models.report") is None
    assert floor_of("datasets.storage") == floor_of("datasets.storage.files") == 0
    assert floor_of("ray_jobs.a_job") == len(ROOMS["ray_jobs"])
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}, "e": {"e"}}) == {"b", "c", "e"}
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == set()


def test_every_room_is_in_the_order() -> None:
    there = {module_of(folder) for folder in folders(*ROOMS)}
    rooms = {f"{package}.{room}" for package, names in ROOMS.items() for room in names}
    above = {name.rpartition(".")[0] for name in rooms}
    one_file = {name for name in rooms if (ROOT / f"{name.replace('.', '/')}.py").is_file()}
    assert there == (rooms - one_file) | above
    # Beside rooms there is no file, but for the jobs.
    lost = [path for folder in above - {"ray_jobs"} for path in (ROOT / folder.replace(".", "/")).glob("*.py")]
    assert {module_of(path) for path in lost if path.name != "__init__.py"} == one_file


def test_rooms_import_only_lower_rooms() -> None:
    upwards = []
    for path in sources(*ROOMS):
        here = module_of(path)
        package, own = here.split(".")[0], floor_of(here)
        for name in imports_of(path):
            floor = floor_of(name) if name.split(".")[0] == package else None
            if floor is not None and own is not None and floor > own:
                upwards.append(f"{here} imports {name}")
    assert upwards == []


def test_jobs_import_no_job() -> None:
    jobs = {module_of(path) for path in (ROOT / "ray_jobs").glob("*.py")}
    assert [name for path in sources("ray_jobs") for name in imports_of(path) if name in jobs] == []


def test_no_module_imports_itself_through_others() -> None:
    modules = {module_of(path): path for path in sources(*ROOMS)}
    assert circles({name: {i for i in imports_of(path) if i in modules} for name, path in modules.items()}) == set()


def test_a_room_has_at_most_twelve_files() -> None:
    # The folder of jobs is no room: it has a file for each job, and the command that runs them.
    for folder in (one for one in folders(*ROOMS, "tests") if one != ROOT / "ray_jobs"):
        held = [path.name for path in folder.iterdir() if path.suffix in SOURCES and path.name != "__init__.py"]
        assert len(held) <= MOST_FILES, f"{folder.relative_to(ROOT)} holds {len(held)} files"


def test_every_room_says_in_one_sentence_what_it_holds() -> None:
    for folder in folders(*ROOMS):
        tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
        told = ast.get_docstring(tree) or ""
        if folder == ROOT / "genre_models":  # what users import: a function that imports the rest when it is called
            assert told and [ast.dump(node) for node in tree.body if isinstance(node, ast.FunctionDef)]
            continue
        assert len(tree.body) == 1 and "\n" not in told, f"{folder.relative_to(ROOT)}: a sentence and no code"
        assert told[:1].isupper() and told.endswith(".") and not set(".!?") & set(told[:-1]), told


def test_datasets_know_no_models_and_no_jobs() -> None:
    assert list(breaches(sources("datasets"), {"tensorflow", "keras", "genre_models", "ray_jobs"})) == []


def test_models_know_no_ray_and_no_jobs() -> None:
    assert list(breaches(sources("genre_models"), {"ray", "ray_jobs"})) == []


def test_only_predictors_know_films() -> None:
    """They decode posters and read overviews as a film store does; all else takes arrays."""
    others = [path for path in sources("genre_models") if path.parent != ROOT / "genre_models" / "predictors"]
    assert list(breaches(others, {"datasets"})) == []


def test_tensorflow_is_in_few_files() -> None:
    """The training loop; the gradients of explanations, as Keras has none that are independent of the backend; and what
    of an export is TensorFlow's own: pictures and text in its graph, its SavedModel, its converters and its runtime."""
    using = [path for path in sources(*ROOMS) if "tensorflow" in packages_of(path)]
    internals = {path for path in using if path.stem.endswith("_internals")}
    assert {path.parent for path in internals} == {ROOT / "genre_models" / "training"}
    exported = {"pictures", "text", "saved_model", "numeric_files", "runtimes"}
    assert {module_of(path) for path in set(using) - internals} == {
        "genre_models.training.trainer",
        "genre_models.explain.gradients",
        *(f"genre_models.export.{name}" for name in exported),
    }


def test_layers_and_models_run_on_any_keras_backend() -> None:
    networks = [path for path in sources("genre_models/layers", "genre_models/models") if "keras" in packages_of(path)]
    layers = {path for path in sources("genre_models/layers") if path.name != "__init__.py"}
    assert layers and layers < set(networks)
    for path in networks:
        assert packages_of(path) - set(sys.stdlib_module_names) <= {"keras", "genre_models"}, path
        # Of ours only layers, models and encoders, themselves in Keras alone, and what describes a search space.
        ours = [name for name in imports_of(path) if name.startswith("genre_models.")]
        assert {name.split(".")[1] for name in ours} <= {"layers", "encoders", "models"}, path


def test_report_needs_only_results() -> None:
    # markupsafe is a part of jinja2 in a package of its own.
    allowed = {"jinja2", "markupsafe", "numpy", *sys.stdlib_module_names}
    # Tables of plain data, such as the one of metrics, are in files that import nothing but the standard library.
    tables = {
        module_of(path): path for path in sources("genre_models") if packages_of(path) <= set(sys.stdlib_module_names)
    }
    for path in sources("genre_models/report"):
        for name in imports_of(path):
            own = name == "genre_models" or (name + ".").startswith("genre_models.report.")
            plain = bool({name, f"{name}.__init__", name.rpartition(".")[0]} & tables.keys())
            assert own or plain or name.split(".")[0] in allowed, f"{path.relative_to(ROOT)} imports {name}"


def test_keras_is_keras_3() -> None:
    """The Keras inside TensorFlow is asked for by no spelling: neither as a module of it nor as an attribute."""
    for path in sources(*ROOMS, "benchmarks"):
        assert not [name for name in imports_of(path) if name.startswith("tensorflow.keras")], path
        for node in nodes_of(path):
            if isinstance(node, ast.Attribute) and node.attr == "keras":
                assert ast.unparse(node.value) not in {"tf", "tensorflow", "tf.compat.v1"}, f"{path}:{node.lineno}"


def test_nothing_beside_the_jobs_bears_the_name_of_a_library() -> None:
    """Who starts a job puts its folder first on the path: Python would take what lies there for the library."""
    names = {path.stem for path in (ROOT / "ray_jobs").iterdir() if not path.name.startswith("__")}
    assert names & (set(sys.stdlib_module_names) | set(importlib.metadata.packages_distributions())) == set()
