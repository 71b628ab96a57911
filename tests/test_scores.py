"""A scores.csv that went through other hands: what is refused, with its line, and what is shown all the same."""

import re

import pandas as pd
import pytest
from conftest import ROOT, forget
from real_suites import whole

from benchmark import view
from benchmark.errors import BenchmarkError
from benchmark.plan import plugins
from benchmark.plan.config import load_suite
from benchmark.store.scores import COLUMNS, read, write


def spoil(scored, change):
    """The file after a change of its text; `change` is a function, or (old, new) of its first place."""
    text = scored.read_text()
    if isinstance(change, tuple):
        assert change[0] in text
        text = text.replace(*change, 1)
    else:
        text = change(text)
    scored.write_bytes(text if isinstance(text, bytes) else text.encode())


def fields(**new):
    """A change of the first row whose `variant` is fast."""

    def change(text):
        lines = text.splitlines(keepends=True)
        at = next(i for i, line in enumerate(lines) if ",fast," in line)
        values = dict(zip(COLUMNS, lines[at].rstrip("\n").split(","), strict=True)) | new
        lines[at] = ",".join(map(str, values.values())) + "\n"
        return "".join(lines)

    return change


FID, LPIPS = ({"metric": name, "observer": "testbed"} for name in ("fid", "lpips"))
WRECK = {"method": "wreck", "variant": "wreck", "concept": "-"}


def without(pattern):
    """A change that loses the lines with a pattern in them."""
    return lambda text: "".join(line for line in text.splitlines(True) if not re.search(pattern, line))


REFUSED = [
    # what is no number, or not one of its metric
    (fields(value=-250), r"line 52: value: -250 is not what accuracy can be: from 0 to 100"),
    (fields(value=100.5, ci_low=90, ci_high=101), r"line 52: value: 100.5 is not what accuracy can be"),
    (fields(value=95, ci_low=90, ci_high=101), r"line 52: ci_high: 101 is not what accuracy can be"),
    (fields(**LPIPS, value=-0.1), r"line 52: value: -0.1 is not what lpips can be: 0 or more"),
    (fields(**FID, value="inf"), r"value: 'inf' is not a number"),
    (fields(metric="kid", observer="testbed", value="1e999"), r"value: inf is not what kid can be: a finite number"),
    (fields(value=""), r"line 52: value: is empty"),
    (fields(value="nan"), r"line 52: value: 'nan' is not a number"),
    (fields(value="#N/A"), r"line 52: value: '#N/A' is not a number"),
    (fields(ci_low="NA", ci_high="NA"), r"ci_low: 'NA' is not a number \(where an end .* leave it empty\)"),
    (fields(ci_low="-"), r"ci_low: '-' is not a number"),
    (fields(ci_low=""), r"line 52: ci_low, ci_high: the interval has one end only"),
    (fields(value=50, ci_low=60, ci_high=40), r"line 52: ci_low, ci_high: the interval ends before .*: 60 to 40"),
    (fields(value=80, ci_low=40, ci_high=60), r"line 52: value: 80 is not in its own interval, 40 to 60"),
    (fields(value='"51,0109"'), r"value: '51,0109' is not a number: decimals have a point"),
    (fields(value='"1,234.5"', **FID), r"value: '1,234.5' is not a number: .* thousands nothing"),
    (fields(value="1 234.5", **FID), r"value: '1 234.5' is not a number: .* thousands nothing"),
    (fields(value="97%"), r"value: '97%' is not a number: .* per cent no sign"),
    (fields(value="Feb 97"), r"value: 'Feb 97' is not a number: was it taken for a date\?"),
    (fields(value="2025-02-01"), r"value: '2025-02-01' is not a number: was it taken for a date\?"),
    (fields(value="51,0109"), r"line 52: has 20 fields of 19 columns: has a number a comma in it\?"),
    (fields(value=50.1, ci_low=40, ci_high=60), r"line 52: value: 50.1 % of 32 images is no whole number of images"),
    (fields(**FID, n=1), r"line 52: n: is 1, but fid needs 2 images"),
    (
        lambda text: re.sub("(baseline,fid,testbed,)[^,]*,([^,]*),[^,]*,[^,]*", r"\g<1>55,\2,50,60", text, count=1),
        r"value: 55 is not what fid of the original model must be: 0",
    ),
    (fields(n=0), r"line 52: n: is 0: a number of no image"),
    (fields(n=-4), r"line 52: n: '-4' is not a whole number"),
    (fields(n=3.5), r"line 52: n: '3.5' is not a whole number"),
    (fields(n=""), r"line 52: n: '' is not a whole number"),
    (fields(n='"1,000"'), r"line 52: n: '1,000' is not a whole number: .* thousands nothing"),
    (fields(erasing_seed="zero"), r"line 52: erasing_seed: 'zero' is not a whole number"),
    (fields(erasing_seed=-1), r"line 52: erasing_seed: '-1' is not a whole number"),
    (fields(checkpoint="25 %"), r"line 52: checkpoint: '25 %' is not a whole number: .* per cent no sign"),
    (fields(checkpoint=0), r"line 52: checkpoint: 0 is not per cent of a method's steps: from 1 to 100"),
    (fields(checkpoint=101), r"line 52: checkpoint: 101 is not per cent of a method's steps"),
    (fields(**WRECK, checkpoint=25), r"line 52: checkpoint: methods/wreck.py has no setting steps"),
    (fields(version="2. Jan"), r"version: '2. Jan' is none, such as 2.1.c467ad; was it taken for a date\?"),
    # names
    (fields(role="erase"), r"line 52: role: there is no role 'erase'; did you mean erased\?"),
    (fields(role="retained"), r"line 52: role: ink is not retained where ink was erased"),
    (fields(role="baseline"), r"line 52: role: original, which erased nothing"),
    (fields(asked="neon"), r"line 52: role: neon is not erased where ink was erased"),
    (fields(asked=""), r"line 52: prompt set style: asked: there is no concept ''"),
    (fields(asked="*"), r"line 52: asked: '\*' is not what prompt set style is scored by: .* concept by concept"),
    (fields(asked="*", wording="pen"), r"line 52: asked: '\*' is not what prompt set style is scored by"),
    (fields(experiment="styl"), r"line 52: experiment: there is no experiment 'styl'; did you mean style\?"),
    (fields(task="stile"), r"line 52: experiment style: there is no name 'stile'; did you mean style\?"),
    (fields(task="object"), r"line 52: experiment style: there is no name 'object'"),
    (fields(method="fsat"), r"line 52: method: 'fsat' is not the method of the variant fast: write fast"),
    (fields(variant="fast-l2", method="fast-l2"), r"line 52: method: 'fast-l2' is not .* fast-l2: write fast"),
    (fields(method="fsat", variant="fsat"), r"line 52: variant: .* 'fsat'; did you mean fast\?.*methods/fsat.py"),
    (fields(variant="Fast"), r"line 52: variant: 'Fast' is no variant"),
    (fields(variant="fast@25"), r"line 52: variant: 'fast@25' is no variant: .* a column of its own"),
    (fields(concept="marble", role="retained"), r"line 52: task style: concept: there is no concept 'marble'"),
    (fields(concept="marble", asked="marble"), r"line 52: task style: concept: there is no concept 'marble'"),
    (fields(asked="marble"), r"line 52: prompt set style: asked: there is no concept 'marble'"),
    (fields(wording="pen"), r"line 52: prompt set style: concept ink: wording: there is no wording 'pen'"),
    (fields(prompt_set="object"), r"line 52: task style: prompt_set: .* 'object' \(allowed: style\)"),
    (fields(metric="acuracy"), r"line 52: metric: there is no metric 'acuracy'; did you mean accuracy\?"),
    (fields(metric="fid_testbed"), r"line 52: metric: there is no metric 'fid_testbed'"),
    (fields(metric="fid", observer="tesbed"), r"line 52: observer of fid: .* 'tesbed'; .* testbed\?"),
    (fields(observer="testbed"), r"line 52: observer of accuracy: .* 'testbed' \(allowed: classifier\)"),
    (fields(suite="quick"), r"line 52: suite: has numbers of suite quick, not of test"),
    # rows
    (lambda t: t + t.splitlines()[1], r"gives the number of line 2 again"),
    (without("fast,100,ink,0,style,ink,,erased,flat"), r"line 52: variant fast, .* no flat by spread of erased ink"),
    (without("fast,100,ink,0,.*,kid"), r"line 52: variant fast, concept ink.* has no kid by testbed of"),
    (without("fast,100,ink,0,style,neon"), r"line 52: variant fast, .* no accuracy by classifier of neon, which"),
    (without("wreck,100,-,0,style,ink,,retained,acc"), r"variant wreck, concept -, .* no accuracy .* of retained ink"),
    (fields(version="3.1.000000"), r"version: '.*' is not '3.1.000000', that of the other numbers"),
    (lambda t: t[:-3], r"version: '3.1.\w{4}' is not '3.1.\w{6}'"),  # cut off in the last field
    (lambda t: t[: t.rindex(",") - 5], r"has 18 fields of 19 columns: was it cut off\?"),
    (lambda t: t + "test,object,obj", r"has 3 fields of 19 columns: was it cut off\?"),
    # text
    (lambda t: t.replace(",", ";"), r"line 1 is separated by ; — save it with commas"),
    (lambda t: "sep=;\n" + t.replace(",", ";"), r"line 1 is separated by ; — save it with commas"),
    (lambda t: t.replace(",", "\t"), r"line 1 is separated by tabs — save it with commas"),
    (lambda t: t.encode("utf-16"), r"is not text in UTF-8"),
    (lambda t: t.replace("value", "valeur", 1), r"line 1: there is no column 'valeur'; did you mean value\?"),
    (lambda t: t.replace("asked,", "value,", 1), r"line 1: has the column value twice"),
    (lambda t: t.partition("\n")[2].replace(",,", ",-,"), r"line 1: has the column "),
    (lambda t: t.replace(",version\n", ",version,remark\n", 1), r"line 1: there is no column 'remark'"),
    (lambda t: t.replace("test,style", '"test"x,style', 1), r"line 2: cannot be read as CSV"),
    (lambda t: "", r"is empty"),
    (lambda t: "\n\n", r"is empty"),
    (lambda t: t.partition("\n")[0] + "\n", r"has no number, only the names of columns"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_what_score_does_not_write_is_refused_with_its_line(scored, world, change, said):
    spoil(scored, change)
    with pytest.raises(BenchmarkError, match=said) as caught:
        view.main("test", scored, world, ["tables/style"])
    assert str(caught.value).startswith(f"{scored}: ") and "\n" not in str(caught.value)
    assert not (world / "tables/style.md").exists()


def test_one_file_has_one_suite(scored):
    spoil(scored, fields(suite="other"))
    with pytest.raises(BenchmarkError, match="line 52: suite: is other, but that of line 2 is test: one file has one"):
        read(scored)


def quoted(text):
    return "".join(",".join(f'"{field}"' for field in line.split(",")) + "\n" for line in text.splitlines())


ACCEPTED = {
    "byte order mark": lambda t: "\ufeff" + t,
    "Windows": lambda t: t.replace("\n", "\r\n"),
    "old Mac": lambda t: t.replace("\n", "\r"),
    "quotes": quoted,
    "empty lines": lambda t: t.replace("\n", "\n\n", 5) + "\n\n",
    "lines of commas": lambda t: t + "," * 18 + "\n" + "," * 20 + "\n",
    "empty columns": lambda t: t.replace("\n", ",,\n"),
    "blanks": lambda t: t.replace(",", ", "),
    "no end of the last line": lambda t: t[:-1],
    "whole numbers as floats": lambda t: t.replace(",32,", ",32.0,"),
}


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=list(ACCEPTED))
def test_what_spreadsheets_add_changes_no_number(scored, world, change):
    view.main("test", scored, world / "before", ["tables/style"])
    spoil(scored, change)
    view.main("test", scored, world / "after", ["tables/style"])
    for suffix in ("csv", "md", "tex", "html"):
        before, after = (world / name / f"tables/style.{suffix}" for name in ("before", "after"))
        assert before.read_bytes() == after.read_bytes()


def test_columns_may_stand_in_another_order_and_six_digits_may_round_an_interval_away(scored):
    frame = pd.read_csv(scored, dtype=str, keep_default_na=False)
    frame[frame.columns[::-1]].to_csv(scored, index=False)
    assert list(read(scored).columns) == [*COLUMNS, "device"]
    kid = (frame.metric == "kid") & (frame.role != "baseline")
    frame.loc[kid, ["value", "ci_low", "ci_high"]] = ["3.33333", "3.333331", "4"]
    frame.to_csv(scored, index=False)
    assert (read(scored).query("metric == 'kid' and role != 'baseline'").value == 3.33333).all()


def test_an_unknown_interval_and_a_device_are_read(scored):
    frame = pd.read_csv(scored, dtype=str, keep_default_na=False).assign(device="cpu")
    frame.loc[frame.method == "fast", ["ci_low", "ci_high"]] = ""
    frame.to_csv(scored, index=False)
    found = read(scored, load_suite("test"))
    assert set(found.device) == {"cpu"} and found[found.method == "fast"].ci_low.isna().all()


def test_a_seed_or_a_concept_that_is_not_there_yet_is_none_of_a_readers_business(scored, world):
    frame = pd.read_csv(scored, dtype=str, keep_default_na=False)
    gone = ((frame.method == "fast") & (frame.concept == "ink")) | (
        (frame.variant == "rival-l1") & (frame.erasing_seed == "1")
    )
    frame[~gone].to_csv(scored, index=False)
    view.main("test", scored, world, ["tables/style", "tables/object", "figures/tradeoff"])


def test_a_file_of_the_format_before_says_so_and_what_to_do(scored):
    columns = ("suite", "experiment", "task", "method", "concept", "seed", "metric", "probe", "role", "value", "n")
    scored.write_text(",".join((*columns, "ci_low", "ci_high", "version")) + "\n")
    with pytest.raises(BenchmarkError, match="line 1: has the columns probe and seed.* run the suite again") as caught:
        read(scored)
    assert "\n" not in str(caught.value)


def test_without_a_suite_what_contradicts_itself_is_still_refused(scored):
    for change, said in (
        (fields(asked=""), "line 52: asked: is empty: write the concept that was asked for, or"),
        (fields(asked="*", wording="pen"), "line 52: wording: is pen, but a set that is scored as a whole"),
    ):
        before = scored.read_text()
        spoil(scored, change)
        with pytest.raises(BenchmarkError, match=said):
            read(scored)
        scored.write_text(before)


def test_what_is_written_is_read(tmp_path, scored):
    frame = read(scored, load_suite("test")).assign(device="cpu")
    write(tmp_path / "again.csv", frame.to_dict("records"))
    pd.testing.assert_frame_equal(read(tmp_path / "again.csv"), frame, rtol=1e-5)


@pytest.fixture
def with_sets(world, small):
    """Two more prompt sets of the task style: one of a file, scored as a whole, and the other task's."""
    small("benchmark/prompt_sets/people.yaml", PEOPLE)
    text = (world / "benchmark/tasks/style.yaml").read_text()
    on = "    erased_on: [style, people]\n    retained_on: [style, object, people]\n    concepts:"
    small("benchmark/tasks/style.yaml", text.replace("    concepts:", on))
    whole("test", experiments="style").to_csv(world / "scores.csv", index=False, float_format="%.6g")
    return world / "scores.csv"


PEOPLE = f"""
title: People
version: 5
file: people.csv
sha256: {"ab" * 32}
columns: {{text: prompt}}
metrics: {{flat: spread, lpips: testbed}}
"""


def test_sets_from_files_and_of_other_tasks_are_read_without_their_rows(with_sets):
    found = read(with_sets, load_suite("test"))
    sets = found.groupby("prompt_set").agg({"asked": set, "role": set})
    assert sets.asked["people"] == {"*"} and sets.asked["object"] == {"fish", "gas_pump", "dog"}
    assert sets.role["people"] == {"baseline", "erased", "retained"}
    assert sets.role["object"] == {"baseline", "retained"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("fast,100,ink,0,people"), "variant fast, concept ink, .* has no number of prompt set people"),
        (without("fast,100,ink,0,people,.*retained,flat"), "variant fast, .* no flat by spread of retained \\*"),
        (without("fast,100,ink,0,object,dog"), "variant fast, concept ink, .* no accuracy by classifier of dog"),
        (("people,*,,baseline", "people,people,,baseline"), "asked: 'people' is not what .* as a whole: write \\*"),
        (("object,fish,,retained", "object,fish,,erased"), "role: task style does not look at erased .* set object"),
    ],
)
def test_what_other_sets_lack_is_refused_too(with_sets, change, said):
    spoil(with_sets, change)
    with pytest.raises(BenchmarkError, match=said):
        read(with_sets, load_suite("test"))


def test_the_documentations_scores_are_read(monkeypatch):
    monkeypatch.setattr(plugins, "ROOT", ROOT)
    forget()
    assert len(read(ROOT / "docs/testbed/scores.csv", load_suite("testbed"))) == 52590
