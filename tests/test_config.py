"""What config.yaml or a command line selects: one line says what is wrong in it, and what is allowed."""

import subprocess
import sys

import pytest
from conftest import ROOT, message
from snakemake.cli import parse_config

from benchmark.plan import grid
from benchmark.plan.selection import choose_numbers

CONFIG = [
    ({"suite": "tset"}, "config: suite: there is no name 'tset'; did you mean test? (allowed: test)"),
    ({"suit": "test"}, "config: there is no key 'suit'; did you mean suite? (allowed: suite, experiments, "),
    ({}, "config: the key suite is missing"),
    ({"suite": 3}, "config: suite: 3 is not text"),
    (
        {"suite": "test", "methods": "soli"},
        "config: methods: there is no name 'soli'; did you mean solo? (allowed: original, ",
    ),
    ({"suite": "test", "methods": ["twin-c"]}, "config: methods: there is no name 'twin-c'; did you mean twin"),
    ({"suite": "test", "methods": "solo, twin-c"}, "config: methods: there is no name 'twin-c'"),
    ({"suite": "test", "methods": [["solo"]]}, "config: methods: there is no name ['solo']"),
    ({"suite": "test", "methods": ["all", "solo"]}, "config: methods: there is no name 'all'"),
    ({"suite": "test", "methods": " , "}, "config: methods: nothing is selected (allowed: all, original, "),
    ({"suite": "test", "methods": []}, "config: methods: nothing is selected (allowed: all, original, "),
    ({"suite": "test", "methods": None}, "config: methods: nothing is selected"),
    ({"suite": "test", "concepts": ["chalk"]}, "config: concepts: there is no name 'chalk' (allowed: ink, pixel_art)"),
    *(
        ({"suite": "test", "seeds": given}, f"config: seeds: {item!r} is not a whole number from 0 on; write one, or ")
        for given, item in (
            (True, True),
            (1.0, 1.0),
            (-1, -1),
            ("-1", "-1"),
            (["0", "x"], "x"),
            ("0-1", "0-1"),
            ([None], None),
            ("1e0", "1e0"),
            ([[0]], [0]),
            ("all 0", "all"),
            ({}, {}),
            ("0.0", "0.0"),
            ("½", "½"),
        )
    ),  # fmt: skip
    ({"suite": "test", "seeds": []}, "config: seeds: nothing is selected (allowed: all, 0, 1)"),
    ({"suite": "test", "seeds": ["7"]}, "config: seeds: there is no name 7 (allowed: 0, 1)"),
    ({"suite": "test", "seeds": 7}, "config: seeds: there is no name 7 (allowed: 0, 1)"),
    ({"suite": "test", "experiments": "object"}, "config: experiments: there is no name 'object' (allowed: style)"),
]


@pytest.mark.parametrize(("config", "expected"), CONFIG)
def test_config(small, config, expected):
    assert message(config).startswith(expected)


@pytest.mark.parametrize(
    "override",
    ["suite=quik", "methods=esdd", "methods=[]", "concepts=[unicorn]", "seeds=[x]", "suites=quick"],
)
def test_snakemake_prints_one_line_and_fails(override):
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--config", override]
    end = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    lines = [line for line in end.stderr.splitlines() if not line.startswith("Config file")]
    assert end.returncode != 0 and len(lines) == 1
    assert lines[0].startswith("error: config: ") and "allowed: " in lines[0]


@pytest.mark.parametrize(
    "override",
    [
        "seeds=[0, 1]", "seeds=0,1", "seeds=0 1", "seeds=[0 1]", "seeds=all", "seeds=[all]", "seeds=['0', 1]",
        "seeds=[1,0,1]",
    ],
)  # fmt: skip
def test_seeds_are_whole_numbers_however_they_come(override):
    """Snakemake reads `0` as a number, and what is in a list as text."""
    (given,) = parse_config([override]).values()
    expected = (1, 0) if override == "seeds=[1,0,1]" else (0, 1)
    assert choose_numbers(given, (0, 1), "seeds") == expected
    assert choose_numbers(parse_config(["seeds=1"])["seeds"], (0, 1), "seeds") == (1,)


@pytest.mark.parametrize("given", ["solo, twin-a", "solo twin-a", ["solo", "twin-a"], ["solo twin-a"], "solo,twin-a,"])
def test_lists_of_names_may_have_commas_or_blanks(small, given):
    asked = grid.plan({"suite": "test", "methods": given}).experiments["style"]
    assert list(dict.fromkeys(str(erasure.variant) for erasure in asked)) == ["original", "twin-a", "solo"]
