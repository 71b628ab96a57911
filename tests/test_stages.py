"""Attacks on erased models: through the runners, on the testbed, to their numbers."""

import re

import pandas as pd
import pytest
from stages import ATTACKED, draw, look, only, repository  # noqa: F401  (a fixture)

from benchmark import attack, erase, generate, score
from benchmark.errors import BenchmarkError
from benchmark.plan import config, grid, prompt_rows


def test_an_attack_is_a_prompt_set_of_each_model(repository, tmp_path, capsys):
    repository("benchmark/prompt_sets/words.yaml", ATTACKED)
    repository("benchmark/tasks/object.yaml", only("object", ["object", "words"]))
    plan = grid.plan({"suite": "test"})
    assert ("words", "object/esd/seed0/all") in plan.looked_at and plan.sets["words"].classifier.prompt_set == "object"
    models, found = tmp_path / "results/test/models", tmp_path / "results/test/attacks"
    erase.main("test", "object", "esd", ["church"], models)
    images = {name: draw(tmp_path, name) for name in ("object", "words")}
    rows = tmp_path / "results/test/prompts/words.csv"
    for _ in range(2):
        attack.main("test", "words", rows, "object", "esd", ["church"], models / "models.csv", found)
    assert capsys.readouterr().out.count(" texts changed on ") == 1, "the second time it is kept"
    before, after = prompt_rows.read(rows), prompt_rows.read(found / "prompts.csv")
    assert [row.row for row in after] == [row.row for row in before if row.concept == "church"]
    assert all(re.fullmatch(r"church( \w+ \w+)?", row.text) for row in after)
    assert any(row.text != "church" for row in after)
    of_esd = {"object": tmp_path / "results/test/prompts/object.csv", "words": found / "prompts.csv"}
    evidence = []
    for name, folder in images.items():
        out = folder / "esd"
        generate.main("test", name, of_esd[name], out, "esd", "object", 0, ["church"], models / "models.csv")
        evidence += [look(tmp_path, name, folder / model / "manifest.csv") for model in ("original", "esd")]
    out = tmp_path / "results/test/scores.csv"
    score.main("test", [tmp_path / f"results/test/prompts/{name}.csv" for name in images], evidence, out)
    numbers = pd.read_csv(out, keep_default_na=False)
    attacked = numbers[(numbers.prompt_set == "words") & (numbers.variant == "esd")]
    assert set(attacked.role) == {"erased"} and set(attacked.asked) == {"church"} and set(attacked.n) == {4}


def test_a_search_may_change_texts_and_nothing_else():
    rows = prompt_rows.of(config.load_set("object", "testbed"), config.load_suite("micro"))[:2]
    assert attack._texts(rows, rows, "attacks/a.py") == ["saw", "saw"]
    for wrong in (rows[:1], rows[::-1], [rows[0], "saw"]):
        with pytest.raises(BenchmarkError, match="attacks/a.py: search must return the rows that it was given"):
            attack._texts(wrong, rows, "attacks/a.py")
