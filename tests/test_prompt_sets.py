"""A CSV file becomes a prompt set by one entry: its rows are drawn as they are, and a budget takes some of them."""

import pytest
from conftest import SUITE
from somebody import LINES, LONG, WHERE, refused, rows, somebody  # noqa: F401  (a fixture)

from benchmark import prompts
from benchmark.errors import ConfigError
from benchmark.plan import grid, prompt_rows
from benchmark.plan.config import load_set, load_suite
from benchmark.plan.records import Measure, Prompt


def test_a_file_becomes_a_set_by_one_entry(somebody):
    somebody()
    plan = grid.plan({"suite": "test"})
    asked = plan.sets["somebody"]
    assert (asked.title, asked.version, asked.score_by) == ("Rows of somebody", 3, "set")
    assert asked.measures == (Measure("flat", "spread", {}),) and asked.classifier is None
    assert ("somebody", "original") in plan.looked_at and ("somebody", "style/solo/seed1/all") in plan.looked_at
    assert rows() == (
        Prompt("x1", "a fish", 7),
        Prompt("x2", "a fish", 2**32 + 5),
        Prompt("x3", "", 2**63 - 1),
        Prompt("x4", LONG, 12),
        Prompt("x5", "two\nlines, and a comma", 0),
    )


def test_every_model_draws_all_rows_of_a_file(somebody):
    somebody()
    suite = load_suite("test")
    assert prompt_rows.of_model(rows(), load_set("somebody", "testbed"), suite, "ink") == rows()


def test_a_file_without_names_and_seeds_gets_numbers_and_seeds_of_its_own(somebody):
    somebody(old=", noise_seed: seed, row: case", new="")
    made = rows()
    assert [row.row for row in made] == ["0", "1", "2", "3", "4"]
    assert len({row.noise_seed for row in made}) == 5 and all(0 <= row.noise_seed < 2**63 for row in made)
    somebody([*LINES, {"prompt": "more", "seed": "", "case": ""}], old=", noise_seed: seed, row: case", new="")
    assert rows()[:5] == made, "a row that is added changes no other"
    somebody()
    assert rows()[0].noise_seed == 7
    somebody([LINES[0] | {"seed": ""}, *LINES[1:]])
    first = rows()[0].noise_seed
    assert first not in (0, 7), "a seed that is left open is one of its own"
    assert first != made[0].noise_seed, "it follows from the row's name"


def test_columns_come_before_defaults_and_defaults_before_none(somebody):
    lines = [{"prompt": "a", "n": "3", "g": "2.5"}, {"prompt": "b", "n": "", "g": ""}]
    somebody(lines, "text: prompt, noise_seed: seed, row: case", "text: prompt, images: n, guidance: g")
    assert [(row.images, row.guidance) for row in rows()] == [(3, 2.5), (1, None)]
    somebody(lines, "text: prompt, noise_seed: seed, row: case}", "text: prompt}\ndefaults: {images: 2, guidance: 1.5}")
    assert [(row.images, row.guidance) for row in rows()] == [(2, 1.5), (2, 1.5)]


def test_rows_may_ask_for_concepts_and_be_scored_by_them(somebody):
    lines = [{"prompt": f"{word} {n}", "what": word, "how": "" if n > 1 else "kind"} for word in "ab" for n in range(4)]
    new = "text: prompt, concept: what, wording: how, class_name: what}\nscore_by: concept"
    somebody(lines, "text: prompt, noise_seed: seed, row: case}", new)
    asked = [(row.concept, row.wording, row.class_name) for row in rows()]
    assert asked[:4] == [("a", "kind", "a")] * 2 + [("a", "", "a")] * 2


def test_a_byte_order_mark_as_spreadsheets_write_it_is_no_part_of_a_column(somebody):
    somebody(text="\ufeffprompt,seed,case\na fish,1,a\nb,2,b\n")
    assert rows()[0] == Prompt("a", "a fish", 1)


def test_the_log_counts_what_is_strange_and_all_of_it_is_drawn(somebody, tmp_path, capsys):
    somebody(
        [line | {"g": "2.0" if line["case"] == "x1" else ""} for line in LINES], "row: case", "row: case, guidance: g"
    )
    prompts.main("test", tmp_path / "somebody.csv", set="somebody")
    assert prompt_rows.read(tmp_path / "somebody.csv") == rows()
    counted = "1 without text, 1 with the text of an earlier row, 1 with a guidance of their own"
    assert capsys.readouterr().out == f"{tmp_path}/somebody.csv: 5 rows, 5 images; {counted}\n"


# ── budgets ──


def test_a_smaller_budget_is_a_subset_of_a_larger_one_in_the_order_of_the_file(somebody, small):
    lines = [{"prompt": f"p{n}", "seed": str(n), "case": f"c{n}"} for n in range(60)]
    somebody(lines)
    every, before = rows(), set()
    for budget in (2, 7, 30, 60, 100):
        small("benchmark/suites/test.yaml", SUITE.replace("train: 5", f"train: 5, rows: {budget}"))
        chosen = rows()
        assert len(chosen) == min(budget, 60) and before <= set(chosen)
        assert list(chosen) == [row for row in every if row in chosen]
        before = set(chosen)
    assert before == set(every)
    small("benchmark/suites/test.yaml", SUITE.replace("train: 5", "train: 5, rows: 30"))
    assert list(rows()) != list(every[:30]), "a file may be sorted by what it asks for"


def test_too_few_rows_for_a_metric_are_refused(somebody, small):
    somebody()
    small("benchmark/suites/test.yaml", SUITE.replace("train: 5", "train: 5, rows: 1"))
    assert refused("needs 2 images") == f"{WHERE}: metrics.flat: needs 2 images, and the rows have 1"
    lines = [{"prompt": "p", "what": word} for word in ("a", "a", "b")]
    small("benchmark/suites/test.yaml", SUITE)
    somebody(lines, "noise_seed: seed, row: case}", "concept: what}\nscore_by: concept")
    assert refused("needs 2 images") == f"{WHERE}: metrics.flat: needs 2 images, and the rows of b have 1"
    small("benchmark/suites/test.yaml", SUITE.replace("train: 5", "train: 5, rows: 0"))
    with pytest.raises(ConfigError, match="budgets.rows: 0 is not above 0"):
        load_suite("test")
