"""A prompt set that is a CSV file of somebody, in the made-up repository of `small`."""

from __future__ import annotations

import csv
import hashlib
import io

import pytest
from conftest import METRIC, TASK

from benchmark.errors import ConfigError
from benchmark.plan import grid, prompt_rows
from benchmark.plan.config import load_set, load_suite

LONG = " ".join(["word"] * 200)
LINES = [  # of a file of somebody: a duplicate, an empty text, a text of 200 words, seeds beyond 32 bits
    {"prompt": "a fish", "seed": "7", "case": "x1"},
    {"prompt": "a fish", "seed": str(2**32 + 5), "case": "x2"},
    {"prompt": "", "seed": str(2**63 - 1), "case": "x3"},
    {"prompt": LONG, "seed": "12.0", "case": "x4"},
    {"prompt": "two\nlines, and a comma", "seed": "0", "case": "x5"},
]
SET = """
title: Rows of somebody
version: 3
file: rows/somebody.csv
sha256: SHA
columns: {text: prompt, noise_seed: seed, row: case}
metrics: {flat: spread}
"""
WHERE = "benchmark/prompt_sets/somebody.yaml"
FLAT = METRIC.replace('"classifier"', '"spread"').replace('NEEDS = "class_name"', "LEAST = 2")


@pytest.fixture
def somebody(small):
    """`somebody(lines, old, new)`: the made-up repository with a prompt set of these lines, its entry edited."""
    small("benchmark/metrics/flat.py", FLAT)
    small("benchmark/observers/spread.py", '"""An observer."""\n\n\ndef observe(i, r, s, c): ...\n')
    small(
        "benchmark/tasks/style.yaml",
        TASK.replace("    templates:", "    retained_on: [style, somebody]\n    templates:"),
    )

    def write(lines=LINES, old="", new="", text=None):
        if text is None:
            file = io.StringIO()
            table = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(lines)
            text = file.getvalue()
        assert old in SET
        small("rows/somebody.csv", text)
        entry = SET.replace("SHA", hashlib.sha256(text.encode()).hexdigest())
        small("benchmark/prompt_sets/somebody.yaml", entry.replace(old, new, 1))

    return write


def rows(suite="test"):
    return prompt_rows.of(load_set("somebody", "testbed"), load_suite(suite))


def refused(match):
    """Planning refuses it, in one line."""
    with pytest.raises(ConfigError, match=match) as caught:
        plan = grid.plan({"suite": "test"})
        prompt_rows.of(plan.sets["somebody"], plan.suite)
    assert "\n" not in str(caught.value)
    return str(caught.value)
