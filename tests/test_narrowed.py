"""Every table and figure of the real suites, on every kind of scores that a narrowed run leaves."""

import re
from functools import cache

import pytest
from real_suites import details, pictures, whole

from benchmark import view
from benchmark.errors import BenchmarkError
from benchmark.plan import plugins
from benchmark.plan.config import load_suite
from benchmark.plan.records import END, NOTHING, ORIGINAL, WHOLE
from benchmark.showing import typeset
from benchmark.store.scores import read

SUITES = {
    "testbed": {
        "methods": "original, scramble, esd, abconcept, esd-u, advanchor-l2-attributes",
        "concepts": "chalk, stained_glass, church, portrait",
        "seeds": [0, 1],
    },
    "paper": {"methods": "original, scramble, esd, abconcept-release", "seeds": [0, 1], "experiments": "style"},
}  # enough of each for all that its views show


@cache
def everything(name):
    return whole(name, **SUITES[name])


OF_TESTBED = {view for experiment in load_suite("testbed").experiments.values() for view in experiment.views}


def one(column, scores):
    """The numbers of one value of a column, and of the controls."""
    controls = scores.concept == NOTHING
    return scores[controls | (scores[column] == scores[column][~controls].iloc[0])]


NARROWED = {
    "all": lambda s: s,
    "the original alone": lambda s: s[s.variant == ORIGINAL],
    "controls alone": lambda s: s[s.concept == NOTHING],
    "a control alone": lambda s: s[(s.concept == NOTHING) & (s.variant != ORIGINAL)],
    "one variant": lambda s: one("variant", s),
    "one variant without controls": lambda s: s[s.variant == s.variant[s.concept != NOTHING].iloc[0]],
    "one concept": lambda s: one("concept", s),
    "one concept of one variant": lambda s: one("concept", one("variant", s)),
    "the last concept": lambda s: one("concept", s[::-1])[::-1],
    "one seed": lambda s: one("erasing_seed", s),
    "the second seed": lambda s: s[(s.erasing_seed == 1) | (s.concept == NOTHING)],
    "checkpoints alone": lambda s: s[(s.checkpoint != END) | (s.variant == ORIGINAL)],
    "no intervals": lambda s: s.assign(ci_low=float("nan"), ci_high=float("nan")),
    "a variant lacks a concept": lambda s: s[(s.variant != "esd") | (s.concept != one("concept", s).concept.iloc[-1])],
    "a variant lacks a seed": lambda s: s[(s.variant != "esd") | (s.erasing_seed != 0)],
    "all numbers are equal": lambda s: s.assign(value=0.0, ci_low=0.0, ci_high=0.0),
} | {
    f"no {metric}": lambda s, metric=metric: s[s.metric != metric]
    for metric in ("accuracy", "flat", "detected", "fid", "kid", "lpips")
}  # fmt: skip


@pytest.mark.parametrize("name", SUITES)
@pytest.mark.parametrize("kind", NARROWED)
def test_every_view_shows_what_a_narrowed_run_leaves(tmp_path, name, kind):
    suite, numbers = load_suite(name), NARROWED[kind](everything(name))
    shown, prepared = set(), {}  # many views show the same experiments
    for folder in ("tables", "figures"):
        for file in plugins.names(f"benchmark/{folder}"):
            if name != "testbed" and f"{folder}/{file}" in OF_TESTBED:
                continue  # it was shown there
            feeding = [key for key, experiment in suite.experiments.items() if f"{folder}/{file}" in experiment.views]
            rows = numbers[numbers.experiment.isin(feeding)]
            if rows.empty:
                continue
            if tuple(feeding) not in prepared:
                prepared[tuple(feeding)] = view.prepare(rows, suite)
            means, notes = prepared[tuple(feeding)]
            module = plugins.load(f"benchmark/{folder}", file)
            made_up = details(module, rows)
            given = [means, made_up] if made_up else [means]
            try:
                if folder == "tables":
                    typeset.write_table(module, given, notes, tmp_path / file)
                else:
                    more = pictures(rows, name) if getattr(module, "IMAGES", False) else ()
                    module.figure(*given, *more)[0].draw_without_rendering()
            except BenchmarkError as error:
                assert (kind, file) in REFUSED, error
                continue
            assert (kind, file) not in REFUSED
            shown.add(file)
            if folder == "tables":
                concepts = means[means.concept != WHOLE].groupby("experiment").concept.nunique()
                _looks_right((tmp_path / f"{file}.md").read_text(), (concepts == 1).all())
    assert shown or kind == "checkpoints alone" or name != "testbed"


REFUSED = {("no accuracy", "tradeoff"), ("a control alone", "verdict"), ("no fid", "pooled")}


def _looks_right(text, of_one_concept):
    """Markdown without empty tables and, of one concept, without rows that say again what others say."""
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert tables and all(block.count("\n") > 1 for block in tables)
    assert not re.search(r"\bnan\b", text) and "†" not in text
    assert not (of_one_concept and "| Avg" in text)


@pytest.mark.parametrize("name", SUITES)
def test_what_is_made_up_is_a_scores_csv(tmp_path, name):
    everything(name).to_csv(tmp_path / "scores.csv", index=False, float_format="%.6g")
    assert len(read(tmp_path / "scores.csv", load_suite(name))) == len(everything(name))
