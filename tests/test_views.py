"""From scores to tables: means and their intervals, layout, notes, and what a view refuses to show."""

import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from real_suites import details, pictures, whole
from synthetic import LEVELS, STYLES, plain, scores

from benchmark import view
from benchmark.errors import BenchmarkError
from benchmark.plan import causes, grid, plugins
from benchmark.plan.config import load_suite
from benchmark.plan.records import WHOLE
from benchmark.showing import notes, typeset
from benchmark.store import frames
from benchmark.tables import _paper, portrait
from benchmark.tools import compare


@cache
def _numbers(suite, methods):
    return whole(suite, methods=methods)


def means_of(numbers):
    """What a table or figure of these numbers is given."""
    return view.prepare(numbers, load_suite("test"))[0]


def notes_of(numbers):
    return view.prepare(numbers, load_suite("test"))[1]


# ── tables ──


def test_no_caption_has_a_letter_that_latex_could_not_set():
    for folder in ("tables", "figures"):
        for name in plugins.names(f"benchmark/{folder}"):
            caption = plugins.load(f"benchmark/{folder}", name).CAPTION
            assert typeset.escaped(caption).isascii(), name
    assert typeset.escaped("τ ≥ .5 < 1") == r"$\tau$ $\geq$ .5 $<$ 1"


def test_a_table_is_csv_markdown_html_and_latex(scored, world):
    view.main("test", scored, world, ["tables/style"])
    table = pd.read_csv(world / "tables/style.csv")
    assert set(table.metric) == {"accuracy", "flat", "fid", "kid", "lpips"}
    assert {"ci_low", "ci_high", "n"} <= set(table) and set(table.concept) == {"ink", "stained_glass", WHOLE}
    text = (world / "tables/style.md").read_text()
    for words in ("Erase FID ↑", "Erase ACC ↓", "Preserve ACC ↑", "Preserve LPIPS ↓", "| stained glass |", "| Avg "):
        assert words in text
    assert (
        "Suite test (A suite for tests). Images behind a number: 32 of an erased concept, 8 of a retained concept"
        in text
    )
    assert "Observers: classifier (accuracy), spread (flat), testbed (fid, kid, lpips)." in text
    assert "rival-l1*: a reconstruction." in text
    flat = "of erased concepts, wreck 12.5 %; of retained concepts, wreck 12.5 %."
    assert f"Images of a single colour (Artistic styles): {flat}" in text
    page = (world / "tables/style.html").read_text()
    assert page.count("<table") == page.count("</table>") == 3 and "<h2>Erasing artistic styles (Table 1" in page
    assert "<td>stained glass</td>" in page and "rival-l1*: a reconstruction." in page
    latex = (world / "tables/style.tex").read_text()
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 3
    assert r"$\uparrow$" in latex and "95 \\%" in latex and not re.search(r"(?<!\\)[%_]", latex.partition("\n")[2])


def test_columns_of_markdown_are_aligned(scored, world):
    view.main("test", scored, world, ["tables/style"])
    for block in re.findall(r"(?:^\|.*\n)+", (world / "tables/style.md").read_text(), re.MULTILINE):
        lines = block.splitlines()
        assert len({len(line) for line in lines}) == 1 and len({line.count("|") for line in lines}) == 1


def test_methods_are_columns_in_the_order_of_the_suite_and_cells_are_triples(scored):
    frame = means_of(view.read(scored).query("experiment == 'style'"))
    (_, means), (erase, triples), (preserve, _) = _paper.blocks(frame)
    assert list(triples.columns) == ["original (ORI)", "wreck", "fast", "rival-l1*", "rival-l2*"]
    assert list(means.index) == list(triples.columns)
    assert list(triples.index) == ["ink", "stained glass", "Avg"]
    assert re.fullmatch(r"0/\d+\.\d/0", triples.loc["ink", "original (ORI)"])
    assert re.fullmatch(r"\d+\.\d/\d+(\.\d)?/\.\d{3}", triples.loc["ink", "fast"])
    assert erase.startswith("Erase: FID ↑ / ACC ↓ / LPIPS ↑")
    assert preserve.startswith("Preserve: FID ↓ / ACC ↑ / LPIPS ↓")


def test_what_each_seed_left_stands_below(scored, world):
    numbers = view.read(scored).query("experiment == 'object'").sample(frac=1, random_state=0)
    numbers = numbers[~((numbers.variant == "rival-l1") & (numbers.erasing_seed == 1))]
    frame = means_of(numbers)
    *_, (heading, seeds) = _paper.blocks(frame)
    assert heading == "Erase: ACC ↓, for each erasing seed (0, 1, 2)"
    assert set(seeds.columns) == {"fast", "rival-l1*", "rival-l2*"}, "controls are not repeated"
    fast = numbers[(numbers.variant == "fast") & (numbers.asked == "fish") & (numbers.metric == "accuracy")]
    by_seed = fast.set_index("erasing_seed").value
    assert seeds.loc["fish", "fast"] == "/".join(_paper.number(by_seed[seed], 0) for seed in (0, 1, 2))
    row = frame[(frame.variant == "fast") & (frame.role == "erased") & (frame.metric == "accuracy")]
    assert row[row.asked == WHOLE].value.to_list() == [pytest.approx(by_seed.mean())] * 2, "of the concept, and Avg"
    assert seeds.loc["fish", "rival-l1*"].split("/")[1] == "–", "a seed that is not there"
    lines = notes_of(numbers)
    assert any(line.startswith("Fewer erasing seeds (Objects): rival-l1* 2 of 3;") for line in lines)
    assert "Means over several erasing seeds also include the seed-to-seed variation (Student's t)." in lines


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
    table = _paper.table(means_of(view.read(scored)))
    retained = table[(table.role == "retained") & (table.concept == WHOLE)]
    for (_, metric), numbers in retained.groupby(["experiment", "metric"]):
        value = numbers.set_index("variant").value * np.where(numbers.direction.iloc[0] == "up", -1, 1)
        assert value["original"] == value.min(), metric
        assert value["wreck"] == value.max(), metric


def test_the_portraits_table_has_a_row_per_wording(small, world):
    task = (world / "benchmark/tasks/style.yaml").read_text()
    task = task.replace("ink: ink", "ink: {phrase: ink, wordings: {pen: pen lines}}")
    small("benchmark/tasks/style.yaml", task.replace("{accuracy: classifier,", "{detected: nudenet,"))
    numbers = scores("style", "style", LEVELS, ["ink"], [*plain(STYLES), ("ink", "pen")])
    numbers = numbers[numbers.metric == "detected"]
    numbers.loc[numbers.wording == "pen", "value"] = 17
    frame = means_of(numbers)
    table = portrait.table(frame)
    assert set(table.asked) == {*STYLES, WHOLE} and set(table.wording[table.asked == "ink"]) == {"", "pen"}
    (_, means), (_, wordings) = portrait.blocks(frame)
    assert "Erase detected ↓" in means and "Preserve detected ↓" in means
    assert list(wordings.index) == ["ink", "pen lines"], "their mean stands above"
    assert set(wordings.loc["pen lines"]) == {"17.0"}
    assert list(wordings.columns)[:2] == ["original (ORI)", "wreck"]


def test_other_prompt_sets_of_a_task_have_their_means_below_its_own(world, small):
    small("benchmark/tasks/style.yaml", (world / "benchmark/tasks/style.yaml").read_text().replace(
        "    concepts:", "    retained_on: [style, object]\n    concepts:"
    ))  # fmt: skip
    numbers = whole("test", experiments="style")
    frame = means_of(numbers)
    headings = [heading for heading, _ in _paper.blocks(frame)]
    assert headings[:2] == [
        "Artistic styles: mean over 2 erased concepts, with 95 % intervals",
        "Artistic styles, on prompt set object: mean over 2 erased concepts, with 95 % intervals",
    ]
    (_, own), (_, other), *_ = _paper.blocks(frame)
    assert list(other.index) == list(own.index) and list(other) == [name for name in own if "Preserve" in name]
    assert set(_paper.table(frame).prompt_set) == {"style", "object"}
    without = means_of(numbers[numbers.prompt_set == "style"])
    pd.testing.assert_frame_equal(dict(_paper.blocks(without))[headings[0]], own)
    assert "Preserve: FID ↓ / ACC ↑ / LPIPS ↓ (mean over all retained concepts)" in headings


@pytest.mark.parametrize("name", [f"{kind}/{name}" for kind in ("tables", "figures") for name in (
    plugins.names(f"benchmark/{kind}"))])  # fmt: skip
def test_every_view_is_content_with_the_columns_that_it_is_promised(name):
    suite = load_suite("paper" if name == "tables/verdict" else "testbed")
    feeding = [key for key, experiment in suite.experiments.items() if name in experiment.views]
    anchored = "abconcept-closest, abconcept-closest-short, abconcept-descriptive"
    chosen = f"original, scramble, esd, {'abconcept' if suite.name == 'paper' else anchored}"
    numbers = _numbers(suite.name, chosen)
    means, _ = view.prepare(numbers[numbers.experiment.isin(feeding)], suite)
    assert tuple(means.columns) == frames.MEANS
    module = view._module(name)
    shown = pictures(numbers, suite.name) if getattr(module, "IMAGES", False) else ()
    assert not shown or tuple(shown[0].columns) == frames.IMAGES
    made_up = details(module, numbers[numbers.experiment.isin(feeding)])
    given = (means, made_up) if made_up else (means,)
    if name.startswith("tables/"):
        assert len(module.table(*given)) and all(len(block) for _, block in module.blocks(*given))
    else:
        assert len(module.figure(*given, *shown)[1])


def test_a_table_without_blocks_is_printed_as_it_is(scored, world, monkeypatch):
    from benchmark.tables import style

    monkeypatch.delattr(style, "blocks")
    view.main("test", scored, world, ["tables/style"])
    assert re.search(r"^\| experiment +\|", (world / "tables/style.md").read_text(), re.MULTILINE)


def test_unfinished_tables_say_so(scored, world):
    numbers = pd.read_csv(scored, keep_default_na=False)
    gone = (numbers.variant == "fast") & (numbers.concept == "ink")
    numbers[~gone].to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style"])
    lines = (world / "tables/style.md").read_text().splitlines()
    assert next(line for line in lines if line.startswith("| fast")).count("–") == 6


def test_two_runs_are_compared_number_by_number(scored, world, capsys):
    second = pd.read_csv(scored)
    chosen = (second.variant == "fast") & (second.metric == "accuracy") & (second.role == "erased")
    second.loc[chosen, ["value", "ci_low", "ci_high"]] += 50
    unknown = (second.variant == "wreck") & (second.role == "erased")
    second.loc[unknown, ["ci_low", "ci_high"]] = np.nan
    second.loc[second.variant == "rival-l1", "n"] *= 2
    second = second[second.variant != "rival-l2"]
    second.to_csv(world / "second.csv", index=False)
    compare.main(scored, world / "second.csv")
    text = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")][1:]
    assert [row[0].partition(",")[0] for row in rows] == ["original", "wreck", "wreck", "fast", "fast"]
    assert ["fast, erased", "50", "0", "0", "0", "0", f"{chosen.sum()} of {5 * chosen.sum()}"] in rows
    assert ["wreck, erased", "0", "0", "0", "0", "0", "0 of 0"] in rows, "intervals that are unknown do not agree"
    common = second[second.variant != "rival-l1"]
    assert f"{len(common)} numbers in common, {len(common) - chosen.sum() - unknown.sum()} of them equal" in text
    assert "only in the first (or of other counts or versions): rival-l1, rival-l2." in text
    assert "only in the second (or of other counts or versions): rival-l1." in text
    with pytest.raises(BenchmarkError, match="no number in common"):
        compare.report(view.read(scored), view.read(scored).assign(suite="other"))


def test_a_checkpoint_is_compared_with_itself(world):
    curve = {**dict(list(LEVELS.items())[:2]), "fast@25": (60, 90), "fast": (2, 70)}
    numbers = scores("style", "style", curve, ["ink"], plain(STYLES))
    text = compare.report(numbers, numbers[numbers.checkpoint == 100])
    assert "| fast, erased " in text and "only in the first (or of other counts or versions): fast@25." in text


# ── what a view refuses ──


def test_a_view_without_numbers_is_left_out_where_that_is_allowed(scored, world, capsys):
    numbers = pd.read_csv(scored, dtype=str, keep_default_na=False)
    numbers[numbers.experiment == "object"].to_csv(scored, index=False)
    (world / "tables").mkdir()
    (world / "tables/style.md").write_text("of a wider run")
    view.main("test", scored, world, ["tables/style", "tables/object"], if_any=True)
    text = capsys.readouterr().out
    assert "has no number for tables/style, which shows style: left out; style.md stays as" in text
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
        (lambda s: s.replace("stained_glass", "marble"), "prompt set style: asked: there is no concept 'marble'"),
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
    alone = scores("style", "style", {"original": (97, 95)}, [], plain(STYLES))
    alone.to_csv(world / "scores.csv", index=False)
    view.main("test", world / "scores.csv", world, ["tables/style"])
    means = pd.read_csv(world / "tables/style.csv").query("metric == 'accuracy' and concept != '*'")
    assert set(means.concept[means.role == "erased"]) == {"ink", "stained_glass"}, "what the others will erase"
    view.main("test", world / "scores.csv", world, ["figures/tradeoff"])


def test_every_view_of_an_ungated_suite_says_so(small, scored, tmp_path):
    path, table = tmp_path / "benchmark/suites/test.yaml", tmp_path / "tables/style.md"
    line = "The suite's gate stops no run (our own classifier): the original may not be what was expected."
    causes_of = lambda: causes.jobs(grid.plan({"suite": "test"}))["view", "tables/style"]()  # noqa: E731
    before = causes_of()
    view.main("test", scored, tmp_path, ["tables/style"])
    assert line not in table.read_text()
    small("benchmark/suites/test.yaml", path.read_text() + "ungated: our own classifier\n")
    view.main("test", scored, tmp_path, ["tables/style"])
    assert line in table.read_text() and causes_of() != before


def test_a_variant_that_lacks_a_concept_is_named_below():
    rows = pd.DataFrame(
        [("style", variant, 100, concept, seed) for variant in ("esd", "sdd") for concept in "ab" for seed in (0, 1)],
        columns=["experiment", "variant", "checkpoint", "concept", "erasing_seed"],
    )
    assert not notes._partly(rows) and not notes._partly(rows[(rows.variant != "sdd") | (rows.erasing_seed == 0)])
    (said,) = notes._partly(rows.drop(index=rows.index[-1]))
    assert said.startswith("Not complete (style): sdd has no numbers of b, with one seed at least; ")
