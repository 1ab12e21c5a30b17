"""README and docs name only files, links and options that exist, and rooms by the sentence of their `__init__.py`."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

from genre_models.report.style.render import look_of_comparison
from tests.test_rooms import ROOMS

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "deploy/README.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)
CODE = ("datasets", "genre_models", "ray_jobs", "benchmarks", "tests", "deploy", "docs")
# Options of other programs: pip, ray, git, make, tensorboard, aws, kubectl and pytest.
OF_OTHERS = {
    *("no-deps", "working-dir", "address", "head", "logdir", "generate", "help", "help-all", "watch", "template"),
    *("group-name", "description", "protocol", "source-group", "port", "cidr"),
    *("wait", "directory-prefix", "input-file", "local-dir"),
    *("filters", "no-wait", "no-sync", "timeout", "version"),
    *("real-films", "kuberay-schemas"),  # of our own tests
}


# Files that CONTRIBUTING.md's examples add; its own test follows them.
OF_EXAMPLES = {
    "genre_models/encoders/mosaic.py",
    "genre_models/models/poster_linear.py",
    "genre_models/presets/linear/best.py",
}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose_of(page: str) -> str:
    """The page without blocks of code, in which # begins a comment and brackets are no links."""
    return re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def anchors_of(page: str) -> set[str]:
    """The anchors that GitHub gives to the page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@functools.cache
def options() -> frozenset[str]:
    """The options of all jobs and benchmarks: the fields of their dataclasses, each with its negation."""
    trees = [ast.parse(path.read_text("utf-8")) for folder in CODE[:4] for path in (ROOT / folder).rglob("*.py")]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    fields = [
        field.target.id.replace("_", "-")
        for node in classes
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    ]
    return frozenset({*fields, *(f"no-{field}" for field in fields)})


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert target.exists(), f"{page} links to {link}"
        assert not anchor or anchor in anchors_of(str(target.relative_to(ROOT))), f"{page} links to {link}"


@pytest.mark.parametrize("page", PAGES)
def test_files_named_exist(page: str) -> None:
    names = {path.name for folder in CODE for path in (ROOT / folder).rglob("*.py")}
    names |= {Path(path).name for path in OF_EXAMPLES}
    paths = re.findall(rf"(?<![\w/.])(?:{'|'.join(CODE)})/[\w/.$]*\w", text_of(page))
    assert [path for path in paths if "$" not in path and path not in OF_EXAMPLES and not (ROOT / path).exists()] == []
    assert [name for name in re.findall(r"(?<![\w/.*$])\w+\.py\b", text_of(page)) if name not in names] == []


@pytest.mark.parametrize("page", PAGES)
def test_options_named_exist(page: str) -> None:
    known = options() | OF_OTHERS
    named = re.findall(r"(?<![\w-])--([a-z][\w-]*)", text_of(page))
    assert sorted({name for name in named if name not in known}) == []


def test_rooms_are_described_as_they_describe_themselves() -> None:
    rows = dict(re.findall(r"^\| `([\w/]+)/` \| (.+?) \|$", text_of("docs/architecture.md"), flags=re.MULTILINE))
    for package, rooms in ROOMS.items():
        for room in rooms:
            folder = Path(package, *room.split("."))
            if (ROOT / folder).is_dir():
                said = ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text("utf-8"))) or ""
                assert rows.get(folder.as_posix()) == said.split("\n")[0]


def test_a_name_that_does_not_exist_is_found() -> None:
    assert "learning-rate" in options() and "no-ensemble" in options() and "learning-speed" not in options()
    assert "decisions" in anchors_of("docs/architecture.md") and "choices" not in anchors_of("docs/architecture.md")


def test_the_picture_of_the_page_is_of_today_s_templates() -> None:
    recorded = (ROOT / "docs" / "images" / "look.txt").read_text("utf-8").strip()
    assert recorded == look_of_comparison(), "the page has changed since the README's picture: run `make picture`"
