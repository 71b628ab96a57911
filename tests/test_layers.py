"""Who may import whom. What is not written here is not enforced."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from benchmark.plan import code, plugins
from benchmark.plan.config import load_suite
from benchmark.plan.records import ORIGINAL, Variant

OURS = ("benchmark", "methods", "classifiers", "testbed", "workflow", "tests")
PLUGINS = (
    "methods",
    "classifiers",
    "benchmark.observers",
    "benchmark.metrics",
    "benchmark.details",
    "benchmark.tables",
    "benchmark.figures",
    "benchmark.prompt_sets",
)

# What the plugins of a folder may import of this repository, and what they must not load, not even by way of it.
WORKED_WITH = {  # by methods and attacks
    *(f"benchmark.model.{name}" for name in ("workbench", "diffusion", "guidance", "alignment", "adversarial")),
    *("benchmark.plan.groups", "benchmark.plan.records", "benchmark.errors", "benchmark.files"),
}
RECORDS, HEAVY = {"benchmark.plan.records", "benchmark.errors"}, {"torch", "torchvision", "diffusers", "transformers"}
LAYERS = {
    "methods": (WORKED_WITH, set()),
    "attacks": (WORKED_WITH, set()),
    "benchmark/observers": (
        RECORDS | {"benchmark.plan.plugins", "benchmark.model.hub", "benchmark.running.devices"},
        set(),
    ),
    "benchmark/metrics": (RECORDS, HEAVY),
    "benchmark/details": (
        RECORDS
        | {"benchmark.store.look"}
        | {f"benchmark.metrics.{name}" for name in ("_exposed", "_frechet", "_intervals")},
        HEAVY,
    ),
    "benchmark/tables": (RECORDS | {"benchmark.store.printed"}, HEAVY),
    "benchmark/figures": (RECORDS, HEAVY),
    "benchmark/prompt_sets": ({"benchmark.errors"}, HEAVY),
}


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).glob("*.py"))


def core() -> list[Path]:
    return [path for folder in FLOORS for path in files(f"benchmark/{folder}")]


# The floors of the core, from the ground up: a file imports files of its own floor and of those below, never above.
GROUND = ("errors", "files")
FLOORS = {
    "plan": "what exists and what is asked for; without torch",
    "store": "what lies on disk",
    "running": "command lines, jobs, devices, and what people see of them",
    "model": "what draws, and what methods work with",
    "showing": "from scores to tables and figures",
    "": "the stages, each a command",
    "tools": "beside the instrument",
}


def imports(path: Path) -> set[str]:
    return imports_of(ast.parse(path.read_text()))


def imports_of(tree: ast.AST) -> set[str]:
    """The modules that code imports, as dotted names; `from benchmark import score` counts as benchmark.score."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{ast.unparse(node)}: imports are absolute"
            is_package = node.module in OURS or (ROOT / node.module.replace(".", "/")).is_dir()
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if is_package else {node.module}
    return found


def without_annotations(path: Path) -> ast.AST:
    """A file's code without what it imports for annotations alone."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    return tree


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] in OURS}


@pytest.mark.parametrize("folder", LAYERS)
def test_plugins_import_only_what_is_below_them(folder):
    allowed, forbidden = LAYERS[folder]
    private = {f"{folder.replace('/', '.')}.{path.stem}" for path in files(folder) if path.stem.startswith("_")}
    for path in files(folder):
        assert ours(path) <= allowed | private, path.name
        loaded = {
            name.split(".")[0]
            for part in code.closure(str(path.relative_to(ROOT)))
            for name in imports_of(without_annotations(ROOT / part))
        }
        assert not loaded & forbidden, path.name


def test_the_core_names_no_plugin():
    for path in core():
        assert not [name for name in ours(path) if name.startswith(PLUGINS)], path.name


def test_the_core_knows_no_method_and_no_classifier():
    """Of those that suites name: somebody's own method may be called by any word, `mine` say."""
    suites = [load_suite(name) for name in plugins.names("benchmark/suites", ".yaml")]
    methods = {Variant(name).method for suite in suites for name in suite.settings}
    names = methods | set(plugins.names("classifiers"))
    for path in core():
        texts = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
        assert not (names - {ORIGINAL}) & texts, path.name


def test_nothing_imports_the_workflow_and_nobody_edits_the_path():
    for path in core() + [path for folder in ("testbed", *LAYERS, "classifiers") for path in files(folder)]:
        assert not any(name.startswith(("workflow", "snakemake")) for name in imports(path)), path
        assert "sys.path" not in path.read_text(), path


def test_packages_are_empty():
    for path in ROOT.glob("*/**/__init__.py"):
        if path.parts[len(ROOT.parts)] in OURS:
            assert not path.read_text().strip(), f"{path}: heavy imports live in the module that needs them"


def test_views_and_scores_start_without_torch():
    code = "import sys; from benchmark import score, view; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def floor(module: str) -> int:
    """The floor of a module of the core, `plan.grid` say; the ground is 0."""
    folder, _, name = module.rpartition(".")
    return 0 if not folder and name in GROUND else 1 + list(FLOORS).index(folder)


def run_imports(path: Path) -> set[str]:
    """The modules of the core that a file imports when it runs: imports for annotations alone do not count."""
    found = imports_of(without_annotations(path))
    names = {name.removeprefix("benchmark.") for name in found if name.startswith("benchmark.")}
    return {name for name in names if name.rpartition(".")[0] in FLOORS}


def test_each_folder_of_the_core_is_a_floor():
    folders = {path.parent.name for path in (ROOT / "benchmark").glob("*/*.py")}
    assert folders - {part.rpartition("/")[2] for part in LAYERS} == set(FLOORS) - {""}


@pytest.mark.parametrize("path", core(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_core_imports_downwards_only(path):
    folder = path.parent.name if path.parent.name in FLOORS else ""
    own = floor(".".join(filter(None, (folder, path.stem))))
    assert not [name for name in run_imports(path) if floor(name) > own]
