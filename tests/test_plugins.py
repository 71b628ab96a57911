"""Folders as registries."""

import pytest

from benchmark.errors import BenchmarkError
from benchmark.plan import plugins


def test_names_are_the_files_without_private_ones(small):
    small("methods/_shared.py", "")
    assert plugins.names("methods") == ["original", "solo", "twin"]
    assert plugins.names("benchmark/suites", ".yaml") == ["test"]
    assert plugins.names("nowhere") == []


def test_load_imports_by_name():
    assert plugins.load("benchmark", "score").main


def test_load_says_what_exists(small):
    with pytest.raises(
        BenchmarkError, match=r"methods/sola.py: .*'sola'; did you mean solo\? \(allowed: original, solo, twin"
    ):
        plugins.load("methods", "sola")
