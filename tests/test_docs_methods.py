"""The methods that the pages show, saved as the files that these name: they pass the tests of methods, and erase."""

import re
import subprocess
import sys
from pathlib import Path

import pages
from conftest import ROOT

METHODS = {Path(block.file).stem: block for block in pages.methods()}
ODD = {  # what CONTRIBUTING.md allows, and the shipped methods do not need
    "bare": '''"""A control with nothing but this."""

CONTROL = True


def erase(model, request, settings):
    for weight in model.train("xattn"):
        weight.data.zero_()
''',
    "silent": '''"""Yields None, and is run again from the start."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    steps: int = 2


def erase(model, request, settings):
    for _ in range(settings.steps):
        model.train("xattn")[0].data.mul_(0.5)
        yield None
''',
}


def python(folder, *arguments):
    end = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    return end.returncode, end.stdout + end.stderr


def test_each_has_a_name_of_its_own():
    assert len(METHODS) == len(pages.methods()) >= 3 and not any(
        (ROOT / f"methods/{name}.py").exists() for name in METHODS
    )


def test_they_and_what_else_the_pages_allow_pass_the_tests_of_methods(clone):
    for name, text in ODD.items():
        (clone / f"methods/{name}.py").write_text(text)
    names = [*METHODS, *ODD]
    tests = [f"tests/test_{name}.py" for name in ("methods", "layers", "contracts")]
    chosen = " or ".join([*(f"[{name}" for name in names), "plugins_import", "core", "listed"])
    code, said = python(clone, "-m", "pytest", "-p", "no:cacheprovider", *tests, "-k", chosen, "--verbose")
    assert code == 0, said
    assert int(re.search(r"(\d+) passed", said)[1]) > 4 * len(names)
    code, said = python(clone, "-m", "ruff", "check", "methods")
    assert code == 0, said
