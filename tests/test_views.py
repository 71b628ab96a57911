"""From scores to tables and figures: means and their intervals, layout, and what a view refuses to show."""

import re

import numpy as np
import pandas as pd
import pytest
from synthetic import LEVELS, STYLES, scores

from benchmark import compare, view
from benchmark.config import load_suite
from benchmark.errors import BenchmarkError
from benchmark.metrics import accuracy, fid, lpips
from benchmark.summary import MEAN
from benchmark.tables import _paper, portrait

MODULES = {"accuracy": accuracy, "fid_testbed": fid, "lpips_testbed": lpips}


# ── tables ──


def test_a_table_is_csv_markdown_and_latex(scored, world):
    view.main("test", scored, world, ["tables/style"])
    table = pd.read_csv(world / "tables/style.csv")
    assert set(table.metric) == {"accuracy", "degenerate", "fid_testbed", "kid_testbed", "lpips_testbed"}
    assert {"ci_low", "ci_high", "n"} <= set(table) and set(table.concept) == {"ink", "stained_glass", MEAN}
    text = (world / "tables/style.md").read_text()
    for said in ("Erase FID ↑", "Erase ACC ↓", "Preserve ACC ↑", "Preserve LPIPS ↓", "| stained glass |", "| Avg "):
        assert said in text
    assert "Suite test" in text and "8 of each erased" not in text and "32 of each erased concept" in text
    assert "rival-l1*: a reconstruction." in text
    assert "Flat pictures (Artistic styles): wreck 12.5 % of erased ones" in text or "wreck 12.5 % of retained" in text
    latex = (world / "tables/style.tex").read_text()
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 3
    assert r"$\uparrow$" in latex and "95 \\%" in latex and not re.search(r"(?<!\\)[%_]", latex.partition("\n")[2])


def test_columns_of_markdown_are_aligned(scored, world):
    view.main("test", scored, world, ["tables/style"])
    for block in re.findall(r"(?:^\|.*\n)+", (world / "tables/style.md").read_text(), re.MULTILINE):
        lines = block.splitlines()
        assert len({len(line) for line in lines}) == 1 and len({line.count("|") for line in lines}) == 1


def test_methods_are_columns_in_the_order_of_the_suite_and_cells_are_triples(scored):
    frame = view.complete(view.read(scored).query("experiment == 'style'"), load_suite("test"))
    (_, means), (erase, triples), (preserve, _) = _paper.blocks(frame)
    assert list(triples.columns) == ["original (ORI)", "wreck", "fast", "rival-l1*", "rival-l2*"]
    assert list(means.index) == list(triples.columns)
    assert list(triples.index) == ["ink", "stained glass", "Avg"]
    assert re.fullmatch(r"0/\d+\.\d/0", triples.loc["ink", "original (ORI)"])
    assert re.fullmatch(r"\d+\.\d/\d+(\.\d)?/\.\d{3}", triples.loc["ink", "fast"])
    assert erase.startswith("Erase: FID ↑ / ACC ↓ / LPIPS ↑")
    assert preserve.startswith("Preserve: FID ↓ / ACC ↑ / LPIPS ↓")


def test_what_each_seed_left_stands_below(scored, world):
    found = view.read(scored).query("experiment == 'object'").sample(frac=1, random_state=0)
    frame = view.complete(found[~((found.method == "rival-l1") & (found.seed == 1))], load_suite("test"))
    *_, (heading, seeds) = _paper.blocks(frame)
    assert heading == "Erase: ACC ↓, seed by seed of the erasing (0, 1, 2)"
    assert set(seeds.columns) == {"fast", "rival-l1*", "rival-l2*"}, "controls are not repeated"
    mine = frame[(frame.method == "fast") & (frame.role == "erased") & (frame.metric == "accuracy")]
    mine = mine[(mine.concept == "fish") & (mine.probe == MEAN)].iloc[0]
    assert list(mine.by_seed) == [0, 1, 2] and np.mean(list(mine.by_seed.values())) == pytest.approx(mine.value)
    assert seeds.loc["fish", "fast"] == "/".join(_paper.number(value, 0) for value in mine.by_seed.values())
    assert seeds.loc["fish", "rival-l1*"].split("/")[1] == "–", "a seed that is not there"
    assert any(said.startswith("Fewer seeds (Objects): rival-l1* 2;") for said in view.remarks(frame))


def test_of_one_concept_no_number_is_printed_twice(scored, world):
    view.main("test", scored, world, ["tables/object"])
    text = (world / "tables/object.md").read_text()
    assert text.count("\n**") == 2 and "| Avg" not in text, "its means with intervals, and what each seed left"
    assert (
        len(re.findall(r"^\| fast ", text, re.MULTILINE)) == 1
        and len(re.findall(r"^\| fish ", text, re.MULTILINE)) == 1
    )


def test_numbers_are_printed_as_the_paper_prints_them():
    printed = [_paper.number(*pair) for pair in [(282.14, 1), (0, 1), (0.02, 1), (0.4016, 3), (1.25, 3), (np.nan, 1)]]
    assert printed == ["282.1", "0", "0", ".402", "1.250", "–"]
    assert [_paper.number(*pair) for pair in [(0.4, 0), (0.9996, 3), (100, 1)]] == ["0", "1.000", "100.0"]
    assert _paper.interval(np.nan, 3, 1) == ""


def test_controls_bracket_every_preserve_metric(scored):
    table = _paper.table(view.complete(view.read(scored), load_suite("test")))
    kept = table[(table.role == "retained") & (table.concept == MEAN)]
    for (_, metric), numbers in kept.groupby(["experiment", "metric"]):
        value = numbers.set_index("method").value * np.where(numbers.direction.iloc[0] == "up", -1, 1)
        assert value["original"] == value.min(), metric
        assert value["wreck"] == value.max(), metric


def test_the_portraits_table_has_a_row_per_wording(small, world):
    task = (world / "benchmark/tasks/style.yaml").read_text()
    small("benchmark/tasks/style.yaml", task.replace("ink: ink", "ink: {phrase: ink, wordings: {pen: pen lines}}"))
    found = scores("style", "style", LEVELS, ["ink"], [*STYLES, "ink.pen"]).query("metric == 'accuracy'")
    found.loc[found.probe.eq("ink.pen") & found.role.eq("retained"), "role"] = "erased"
    found = found.drop_duplicates(["method", "probe", "role"]).assign(metric="detected_nudenet")
    found.loc[found.probe.eq("ink.pen"), "value"] = 17
    frame = view.complete(found, load_suite("test"))
    assert set(portrait.table(frame).probe) == {*STYLES, "ink.pen", MEAN}
    (_, means), (_, wordings) = portrait.blocks(frame)
    assert "Erase detected ↓" in means and "Preserve detected ↓" in means
    assert list(wordings.index) == ["ink", "pen lines"], "their mean stands above"
    assert set(wordings.loc["pen lines"]) == {"17.0"}
    assert list(wordings.columns)[:2] == ["original (ORI)", "wreck"]


def test_a_table_without_blocks_is_printed_as_it_is(scored, world, monkeypatch):
    from benchmark.tables import style

    monkeypatch.delattr(style, "blocks")
    view.main("test", scored, world, ["tables/style"])
    assert "| experiment |" in (world / "tables/style.md").read_text()


def test_unfinished_tables_say_so(scored, world):
    found = pd.read_csv(scored)
    gone = (found.method == "fast") & (found.concept == "ink")
    found[~gone].to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style"])
    lines = (world / "tables/style.md").read_text().splitlines()
    assert next(line for line in lines if line.startswith("| fast")).count("–") == 6


def test_two_runs_are_compared_number_by_number(scored, world, capsys):
    theirs = pd.read_csv(scored)
    chosen = (theirs.method == "fast") & (theirs.metric == "accuracy") & (theirs.role == "erased")
    theirs.loc[chosen, ["value", "ci_low", "ci_high"]] += 50
    unknown = (theirs.method == "wreck") & (theirs.role == "erased")
    theirs.loc[unknown, ["ci_low", "ci_high"]] = np.nan
    theirs.loc[theirs.method == "rival-l1", "n"] += 1
    theirs = theirs[theirs.method != "rival-l2"]
    theirs.to_csv(world / "theirs.csv", index=False)
    compare.main(scored, world / "theirs.csv")
    said = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines() if line.startswith("| ")][2:]
    assert [row[0].partition(",")[0] for row in rows] == ["original", "wreck", "wreck", "fast", "fast"]
    assert ["fast, erased", "50", "0", "0", "0", "0", f"{chosen.sum()} of {5 * chosen.sum()}"] in rows
    assert ["wreck, erased", "0", "0", "0", "0", "0", "0 of 0"] in rows, "intervals that are unknown do not agree"
    common = theirs[theirs.method != "rival-l1"]
    assert f"{len(common)} numbers in common, {len(common) - chosen.sum() - unknown.sum()} of them equal" in said
    assert "only in mine (or of other counts or versions): of rival-l1, rival-l2." in said
    assert "only in theirs (or of other counts or versions): of rival-l1." in said
    with pytest.raises(BenchmarkError, match="no number in common"):
        compare.report(view.read(scored), view.read(scored).assign(suite="other"))


# ── what a view marks ──


def test_numbers_that_are_not_what_the_suite_says_now_are_marked_and_shown(scored, world, small):
    suite = (world / "benchmark/suites/test.yaml").read_text()
    small("benchmark/suites/test.yaml", suite.replace("fast: {}", "fast: {lr: 2.0}"))
    view.main("test", scored, world, ["tables/style", "figures/tradeoff"])
    text = (world / "tables/style.md").read_text()
    assert "| fast† " in text and "| original (ORI) " in text and "| rival-l1* " in text
    what = "in conditions (base model, sampler, budgets or settings): fast"
    said = f"†: differs from what suite test says now, {what}."
    assert said in text and "fast†" in (world / "tables/style.csv").read_text()
    assert r"fast$\dagger$" in (world / "tables/style.tex").read_text()
    assert "fast†" in (world / "figures/tradeoff.csv").read_text()


def test_what_differs_is_named_of_all_methods_or_some(scored, world, small):
    suite, task = ((world / f"benchmark/{name}.yaml").read_text() for name in ("suites/test", "tasks/style"))
    small("benchmark/suites/test.yaml", suite.replace("guidance: 5.0", "guidance: 3.0"))
    small("benchmark/tasks/style.yaml", task.replace("version: 3", "version: 4"))
    found = pd.read_csv(scored, dtype=str, keep_default_na=False)
    old = found.method == "wreck"
    found.loc[old, "version"] = "3." + (found.version[old].str[2:].str.replace("^1", "0", regex=True))
    found.to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style", "tables/object"])
    text = (world / "tables/style.md").read_text()
    assert "| original (ORI)† " in text and "| rival-l1*† " in text
    assert "task style (version 3, now 4): all methods; " in text
    assert "metric fid_testbed (version 0, now 1): wreck" in text
    assert "conditions (base model, sampler, budgets or settings): all methods" in text
    assert "task" not in (world / "tables/object.md").read_text().rpartition("†")[2]


@pytest.mark.parametrize("version", ["3.1", "3", "", "3.1.000000.extra"])
def test_versions_of_another_format_are_marked_and_never_refused(scored, world, version):
    pd.read_csv(scored).assign(version=version).to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style", "figures/tradeoff"])
    text = (world / "tables/style.md").read_text()
    assert "| fast† " in text and ("conditions (not stated): all methods" in text) == (version.count(".") < 2)


def test_variants_of_elsewhere_and_methods_that_cannot_be_read_are_marked(scored, world, small):
    found = pd.read_csv(scored, dtype=str, keep_default_na=False).replace({"method": {"rival-l2": "rival-of-mine"}})
    found.to_csv(scored, index=False)
    small("methods/fast.py", "def erase(:\n")
    view.main("test", scored, world, ["tables/style"])
    text = (world / "tables/style.md").read_text()
    assert "| rival-of-mine*† " in text and "| fast† " in text and "| wreck " in text
    assert "settings): rival-of-mine" in text and "in settings that cannot be read (methods/fast.py: line 1: " in text


def test_numbers_of_several_kinds_of_device_are_marked(scored, world):
    found = pd.read_csv(scored, dtype=str, keep_default_na=False).assign(device="cpu AVX512")
    found.to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style"])
    assert "‡" not in (world / "tables/style.md").read_text()
    found.loc[found.method.isin(["fast", "wreck"]), "device"] = "NVIDIA H100"
    found.loc[found.method == "rival-l1", "device"] = ""
    found.to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style"])
    text = (world / "tables/style.md").read_text()
    assert "| fast‡ " in text and "| rival-l1*‡ " in text and "| rival-l2* " in text and "| original (ORI) " in text
    devices = "original, rival-l2 on cpu AVX512; wreck, fast on NVIDIA H100; rival-l1 on a device that is not stated"
    assert f"Devices: {devices}." in text


# ── what a view refuses ──


def test_a_view_without_numbers_is_left_out_where_that_is_allowed(scored, world, capsys):
    found = pd.read_csv(scored, dtype=str, keep_default_na=False)
    found[found.experiment == "object"].to_csv(scored, index=False)
    (world / "tables").mkdir()
    (world / "tables/style.md").write_text("of a wider run")
    view.main("test", scored, world, ["tables/style", "tables/object"], if_any=True)
    said = capsys.readouterr().out
    assert "has no number for tables/style, which shows style: left out; style.md stays as" in said
    assert {path.stem for path in (world / "tables").iterdir()} == {"object", "style"}
    assert (world / "tables/style.md").read_text() == "of a wider run"
    view.main("test", scored, world / "nothing")  # of a suite whose figures all show pictures that are not here
    assert not (world / "nothing").exists()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: s.drop(columns="role"), "has no column role"),
        (lambda s: s.assign(value=""), "line 2: value: is empty"),
        (lambda s: pd.concat([s, s.iloc[[4]]]), "line .* gives the number of line 6 again"),
        (lambda s: s.assign(suite="quick"), "has numbers of suite quick, not of test"),
        (lambda s: s.replace("stained_glass", "marble"), "task style: probe: there is no probe 'marble'"),
        (lambda s: s[s.experiment == "object"], "has no number for tables/style, which shows style"),
        (lambda s: s.assign(experiment="styl"), "there is no experiment 'styl'; did you mean style"),
        (lambda s: s.replace("accuracy", "acuracy"), "there is no metric 'acuracy'; did you mean accuracy"),
    ],
)
def test_scores_that_are_not_whole(scored, world, spoil, said):
    spoil(pd.read_csv(scored)).to_csv(scored, index=False)
    with pytest.raises(BenchmarkError, match=said):
        view.main("test", scored, world, ["tables/style"])
    assert not (world / "tables/style.md").exists()


def test_views_that_do_not_exist(scored, world):
    with pytest.raises(BenchmarkError, match="did you mean style"):
        view.main("test", scored, world, ["tables/styles"])
    with pytest.raises(BenchmarkError, match="neither tables/<name> nor figures/<name>"):
        view.main("test", scored, world, ["style"])
    with pytest.raises(BenchmarkError, match="cannot be read"):
        view.main("test", world / "none.csv", world, ["tables/style"])


def test_the_original_alone_has_all_views(world):
    """It is run first, and its numbers are looked at before any GPU is spent on erasing."""
    alone = scores("style", "style", {"original": (97, 95)}, [], list(STYLES))
    alone.to_csv(world / "scores.csv", index=False)
    view.main("test", world / "scores.csv", world, ["tables/style"])
    means = pd.read_csv(world / "tables/style.csv").query("metric == 'accuracy' and concept != '*'")
    assert set(means.concept[means.role == "erased"]) == {"ink", "stained_glass"}, "what the others will erase"
    view.main("test", world / "scores.csv", world, ["figures/tradeoff"])
