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
    "attacks": (
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


# The floors of the core, from the ground up: a file imports files of its own floor and of those below, never above.
FLOORS = {
    "ground": "errors files",
    "plan": (  # what exists and what is asked for; without torch
        "plugins records groups strict source code protocols selection ranges looking texts task prompt_set suite"
        " variants config prompts contract counted grid answered versions causes"
    ),
    "store": "manifest evidence checkpoint lease weights frames handed score_names scores",  # what lies on disk
    "running": "devices job joblog trouble display cli",  # command lines, jobs, what people see of them
    "model": (  # what draws, and what methods work with
        "parts hub compatible diffusion guidance sampling inventory guard apply workbench alignment adversarial trial"
    ),
    "showing": "summary marks words notes typeset plot",  # from scores to tables and figures
    "stages": "base prompts erase adopt attack generate train_classifier observe score view partial",
    "tools": "available scale compare verify schema",  # beside the instrument
}
FLOOR = {name: floor for floor, names in reversed(FLOORS.items()) for name in names.split()}
BOTH = {("prompts", "cli")}  # it holds the rows that planning asks for, and the stage that writes them


def run_imports(path: Path) -> set[str]:
    """The modules of the core that a file imports when it runs: imports for annotations alone do not count."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    names = {alias.name for node in nodes if node.module == "benchmark" for alias in node.names}
    return names | {node.module.split(".")[1] for node in nodes if node.module.startswith("benchmark.")}


def test_each_file_of_the_core_stands_on_a_floor():
    assert {path.stem for path in files("benchmark")} == set(FLOOR)


@pytest.mark.parametrize("name", sorted(FLOOR))
def test_the_core_imports_downwards_only(name):
    floors = list(FLOORS)
    for imported in run_imports(ROOT / f"benchmark/{name}.py") & set(FLOOR):
        allowed = floors.index(FLOOR[imported]) <= floors.index(FLOOR[name]) or (name, imported) in BOTH
        assert allowed, f"{name} ({FLOOR[name]}) imports {imported} ({FLOOR[imported]})"
