"""Who may import whom. What is not written here is not enforced."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from benchmark import code, plugins, variants
from benchmark.config import load_suite
from benchmark.records import Variant

OURS = ("benchmark", "methods", "classifiers", "testbed", "workflow", "tests")
PLUGINS = (
    "methods",
    "classifiers",
    "benchmark.observers",
    "benchmark.metrics",
    "benchmark.tables",
    "benchmark.figures",
)

# What the plugins of a folder may import of this repository, and what they must not load, not even by way of it.
LAYERS = {
    "methods": (
        {
            f"benchmark.{name}"
            for name in (
                *("workbench", "diffusion", "groups", "guidance", "alignment", "adversarial"),
                *("records", "errors", "files"),
            )
        },
        set(),
    ),
    "benchmark/observers": (
        {f"benchmark.{name}" for name in ("records", "errors", "plugins", "hub", "devices")},
        set(),
    ),
    "benchmark/metrics": (
        {"benchmark.records", "benchmark.errors"},
        {"torch", "torchvision", "diffusers", "transformers"},
    ),
    "benchmark/tables": (
        {"benchmark.records", "benchmark.errors"},
        {"torch", "torchvision", "diffusers", "transformers"},
    ),
    "benchmark/figures": (
        {"benchmark.records", "benchmark.errors"},
        {"torch", "torchvision", "diffusers", "transformers"},
    ),
}


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).glob("*.py"))


def imports(path: Path) -> set[str]:
    """The modules that a file imports, as dotted names; `from benchmark import grid` counts as benchmark.grid."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            is_package = node.module in OURS or (ROOT / node.module.replace(".", "/")).is_dir()
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if is_package else {node.module}
    return found


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] in OURS}


@pytest.mark.parametrize("folder", LAYERS)
def test_plugins_import_only_what_is_below_them(folder):
    allowed, forbidden = LAYERS[folder]
    private = {f"{folder.replace('/', '.')}.{path.stem}" for path in files(folder) if path.stem.startswith("_")}
    for path in files(folder):
        assert ours(path) <= allowed | private, path.name
        loaded = {
            name.split(".")[0] for part in code.closure(str(path.relative_to(ROOT))) for name in imports(ROOT / part)
        }
        assert not loaded & forbidden, path.name


def test_the_core_names_no_plugin():
    for path in files("benchmark"):
        assert not [name for name in ours(path) if name.startswith(PLUGINS)], path.name


def test_the_core_knows_no_method_and_no_classifier():
    """Of those that suites name: somebody's own method may be called by any word, `mine` say."""
    suites = [load_suite(name) for name in plugins.names("benchmark/suites", ".yaml")]
    methods = {Variant(name).method for suite in suites for name in suite.settings}
    names = methods | set(plugins.names("classifiers"))
    for path in files("benchmark"):
        texts = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
        assert not (names - {variants.ORIGINAL}) & texts, path.name


def test_nothing_imports_the_workflow_and_nobody_edits_the_path():
    for folder in ("benchmark", "testbed", *LAYERS, "classifiers"):
        for path in files(folder):
            assert not any(name.startswith(("workflow", "snakemake")) for name in imports(path)), path
            assert "sys.path" not in path.read_text(), path


def test_packages_are_empty():
    for path in ROOT.glob("*/**/__init__.py"):
        if path.parts[len(ROOT.parts)] in OURS:
            assert not path.read_text().strip(), f"{path}: heavy imports live in the module that needs them"


def test_views_and_scores_start_without_torch():
    code = "import sys; from benchmark import score, view; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
