"""Private interfaces of libraries stand in files of their own, which name the versions they were checked with."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_rooms import ROOMS, imports_of, module_of, nodes_of, sources

FILES = [path for path in sources(*ROOMS) if path.stem.endswith("_internals")]
# Modules that are private without an underscore in their name.
PRIVATE = ("keras.src", "tensorflow.python")


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_uses(path: Path) -> Iterator[str]:
    """Yield the private modules that a file imports, and the private attributes of others' objects that it names."""
    for module in imports_of(path):
        package, *inner = module.split(".")
        if package not in ROOMS and (any(map(is_private, inner)) or module.startswith(PRIVATE)):
            yield module
    nodes = nodes_of(path)
    private = [node for node in nodes if isinstance(node, ast.Attribute) and is_private(node.attr)]
    # What a class of this file has itself is its own, whatever the instance is called.
    own = {node.attr for node in private if ast.unparse(node.value) in ("self", "cls")}
    own |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    yield from (ast.unparse(node) for node in private if node.attr not in own)


def test_private_interfaces_stand_in_one_file_of_each_room() -> None:
    using = {path: list(private_uses(path)) for path in sources(*ROOMS)}
    assert {str(path): uses for path, uses in using.items() if uses and path not in FILES} == {}
    assert len({path.parent for path in FILES}) == len(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: module_of(path))
def test_private_interfaces_were_checked_with_the_installed_versions(path: Path) -> None:
    """Where it fails, a library was upgraded: run the tests of this file's functions, and then name the version."""
    checked = importlib.import_module(module_of(path)).CHECKED_WITH
    assert checked
    assert {name: importlib.metadata.version(name).rsplit(".", 1)[0] for name in checked} == checked


def test_the_rule_finds_what_it_should(tmp_path: Path) -> None:
    source = tmp_path / "file.py"
    source.write_text(
        "import keras.src.layers\nfrom ray.data._internal import x\nfrom ray_jobs import _own\n"
        "from __future__ import y\n"
        "class A:\n    def f(self, other):\n        return self._own, other._own, other._theirs, other.__name__\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.test_rooms.ROOT", tmp_path)
        found = set(private_uses(source))
    assert found == {"keras.src.layers", "ray.data._internal", "ray.data._internal.x", "other._theirs"}
