"""What Snakemake plans: on real rules and real settings, with runners that take no time."""

import base64
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest
from conftest import CONTROL, ROOT

from benchmark.plan import grid
from benchmark.plan.records import ORIGINAL

SNAKEMAKE = [sys.executable, "-m", "snakemake"]


def snakemake(folder, *arguments, **config):
    named = [f"{key}={value}" for key, value in ({"suite": "micro"} | config).items()]
    command = [*SNAKEMAKE, *arguments, "--cores", "2", "--config", *named]
    end = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert end.returncode == 0, end.stdout + end.stderr
    return end.stdout + end.stderr


def planned(folder, *arguments, **config):
    """The jobs of a dry run, as (rule, what tells its jobs apart): a view, or the prompt set and the shard."""
    out = snakemake(folder, *arguments, "--dry-run", **config)
    jobs = set()
    for block in re.split(r"\n(?=(?:local)?rule \w+:)", out)[1:]:
        rule = re.match(r"(?:local)?rule (\w+):", block)[1]
        wildcards = dict(re.findall(r"(\w+)=([^,\n]+)", (re.search(r"wildcards: (.*)", block) or [""])[0]))
        jobs.add(
            (rule, wildcards.get("view") or "/".join(wildcards[key] for key in ("set", "shard") if key in wildcards))
        )
    return jobs


@contextmanager
def edited(path, old, new):
    """A file with a change in it, until the end of the block; then as it was, its time stamp too."""
    before, times = path.read_text(), path.stat()
    assert old in before
    path.write_text(before.replace(old, new, 1))
    yield
    path.write_text(before)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.fixture(scope="module")
def done(fake):
    """A finished run of `micro`."""
    out = snakemake(fake)
    assert "steps (100%) done" in out or "jobs done" in out, out
    return fake


def test_a_second_run_schedules_nothing(done):
    assert planned(done) == set()


def test_a_copy_without_snakemakes_memory_is_looked_at_again(done, tmp_path):
    """Settings may have changed since: only Snakemake knew what the results were made from."""
    copy = tmp_path / "copy"
    shutil.copytree(done, copy, symlinks=True, ignore=shutil.ignore_patterns(".snakemake"))
    assert {rule for rule, _ in planned(copy)} >= {"remember", "base", "erase", "generate", "observe", "score", "table"}
    snakemake(copy)
    assert planned(copy) == set()


def test_a_new_experiment_over_erasures_that_are_there_is_scored_and_shown(done):
    again = "  again: {task: style, methods: [original, esd], concepts: [chalk], views: [tables/style]}\n"
    with edited(done / "benchmark/suites/micro.yaml", "experiments:\n", f"experiments:\n{again}"):
        assert planned(done) == {("score", ""), ("table", "style"), ("all", "")}


def test_a_control_of_three_lines_appears_without_another_edit(fake):
    before = planned(fake, suite="quick")
    control = fake / "methods/nothing.py"
    control.write_text(CONTROL)
    new = planned(fake, suite="quick") - before
    control.unlink()
    shards = {f"{task}/nothing/seed0/all" for task in ("style", "object")}
    looked = {f"{shard.partition('/')[0]}/{shard}" for shard in shards}
    erased = {("erase", shard) for shard in shards}
    assert new == erased | {(rule, place) for rule in ("generate", "observe") for place in looked}


def embedded(page, name):
    """A value that a report's page carries for its own scripts."""
    text = page.partition(f'<script id="{name}">')[2]
    return json.JSONDecoder().raw_decode(text[text.index("{") :])[0]


def test_a_report_is_on_the_views_that_are_there(fake, tmp_path):
    """A run that was narrowed has not made all of them, and whoever asks for a report does not narrow it again."""
    copy = tmp_path / "elsewhere"
    shutil.copytree(fake, copy, symlinks=True, ignore=shutil.ignore_patterns(".snakemake", "results"))
    command = [*SNAKEMAKE, "--cores", "1", "--report", "report.html"]
    end = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert end.returncode != 0 and end.stderr.splitlines()[-1].startswith(
        "error: results/quick: has no table or figure"
    )
    subprocess.run([*SNAKEMAKE, "--cores", "2", "--config", "concepts=chalk", "methods=[esd]"], cwd=copy, check=True)
    assert not (copy / "results/quick/tables/object.csv").exists()
    end = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert end.returncode == 0, end.stdout + end.stderr
    categories, results = (embedded((copy / "report.html").read_text(), name) for name in ("categories", "results"))
    places = {place: [path for paths in by.values() for path in paths] for place, by in categories.items()}
    assert set(places) == {"Table 1", "Figure 6", "Without a place in the paper"}
    table = results["results/quick/tables/style.html"]
    assert "results/quick/tables/style.html" in places["Table 1"] and table["mime_type"] == "text/html"
    assert table["caption"].startswith("<p><strong>Table 1 of the paper.</strong> Erasing artistic styles")
    text = base64.b64decode(table["data_uri"].partition("base64,")[2])
    assert text == (copy / "results/quick/tables/style.html").read_bytes(), "the report stands by itself"
    assert "results/quick/figures/gallery.svg" in places["Figure 6"]
    assert results["results/quick/figures/gallery.svg"]["mime_type"] == "image/svg+xml"


def test_a_new_method_in_a_suite_of_lists_is_scored_as_it_was_planned(fake):
    command = [
        *SNAKEMAKE,
        "--dry-run",
        "--printshellcmds",
        "--cores",
        "1",
        "--config",
        "suite=micro",
        "methods=esd, sdd",
        "seeds=0",
    ]
    out = subprocess.run(command, cwd=fake, capture_output=True, text=True, check=True).stdout
    (score,) = re.findall(r"python -m benchmark.score [^|]*", out.replace("\n", " "))
    assert "--suite micro --methods esd sdd --seeds 0 --prompts" in " ".join(score.split())


def test_views_are_drawn_from_a_foreign_scores_csv_of_any_age(fake, tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(fake, copy, symlinks=True, ignore=shutil.ignore_patterns(".snakemake", "results"))
    scores = copy / "results/quick/scores.csv"
    scores.parent.mkdir(parents=True)
    scores.write_text("from another machine")
    os.utime(scores, (0, 0))
    assert planned(copy, "tables", "figures", suite="quick") == {("tables", ""), ("figures", "")}
    snakemake(copy, "tables", "figures", suite="quick")
    assert (copy / "results/quick/tables/style.md").exists() and (copy / "results/quick/figures/tradeoff.svg").exists()
    assert scores.read_text() == "from another machine"
    assert not (copy / "results/quick/figures/gallery.svg").exists(), "the pictures are not here"


SET = """
title: Rows of somebody
version: 1
file: rows.csv
sha256: {sha}
columns: {{text: prompt}}
metrics: {{flat: spread, fid: testbed}}
"""


def test_a_prompt_set_that_is_a_file_is_planned_by_one_entry_and_refused_in_one_line(fake, tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(fake, copy, symlinks=True, ignore=shutil.ignore_patterns(".snakemake", "results"))
    before = planned(copy)
    task, entry = copy / "benchmark/tasks/style.yaml", copy / "benchmark/prompt_sets/rows.yaml"
    task.write_text(task.read_text().replace("    templates:", "    retained_on: [style, rows]\n    templates:", 1))
    (copy / "rows.csv").write_text('prompt\na fish\n"two, dogs"\n')
    entry.write_text(SET.format(sha=hashlib.sha256((copy / "rows.csv").read_bytes()).hexdigest()))
    shards = {"original", "style/scramble/seed0/all", "style/esd/seed0/all"}
    drawn = {(rule, f"rows/{shard}") for rule in ("generate", "observe") for shard in shards}
    assert planned(copy) - before == drawn | {("prompts", "rows")}
    entry.write_text(SET.format(sha="f" * 64))
    command = [*SNAKEMAKE, "--dry-run", "--cores", "1", "--config", "suite=micro"]
    end = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert end.returncode != 0 and end.stderr.splitlines()[-1].startswith(
        "error: benchmark/prompt_sets/rows.yaml: file rows.csv: is another file than the one that is meant"
    )
    assert "Traceback" not in end.stderr
    (copy / "rows.csv").unlink()
    end = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert end.returncode == 0, "whoever has not got the file yet can still plan"
    said = "missing: benchmark/prompt_sets/rows.yaml: file rows.csv: is not there; save it there, or say in config.yaml"
    assert [line for line in end.stderr.splitlines() if line.startswith(said)]
    scores = copy / "results/micro/scores.csv"
    scores.parent.mkdir(parents=True)
    scores.write_text("from another machine")
    assert planned(copy, "tables") == {("tables", "")}, "views need no prompts"


ATTACKED = """
title: Styles, after a search for words that bring them back
version: 1
attack: random_words
of: style
metrics: {accuracy: classifier, flat: spread}
"""


def test_an_attack_is_planned_by_one_entry(fake, tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(fake, copy, symlinks=True, ignore=shutil.ignore_patterns(".snakemake", "results"))
    before = planned(copy)
    task, entry = copy / "benchmark/tasks/style.yaml", copy / "benchmark/prompt_sets/words.yaml"
    task.write_text(task.read_text().replace("    templates:", "    erased_on: [style, words]\n    templates:", 1))
    entry.write_text(ATTACKED)
    erased = {"style/scramble/seed0/all", "style/esd/seed0/all"}
    drawn = {(rule, f"words/{shard}") for rule in ("generate", "observe") for shard in {"original"} | erased}
    assert planned(copy) - before == drawn | {("prompts", "words")} | {("attack", f"words/{shard}") for shard in erased}
    out = " ".join(snakemake(copy, "--dry-run", "--printshellcmds").split())
    assert "python -m benchmark.prompts --suite micro --set words --out results/micro/prompts/words.csv" in out


def test_a_failing_job_fails_the_run(fake, tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(fake, copy, symlinks=True, ignore=shutil.ignore_patterns(".snakemake", "results"))
    (copy / "benchmark/base.py").write_text("import sys\nsys.exit('error: no such folder')\n")
    end = subprocess.run([*SNAKEMAKE, "--cores", "1"], cwd=copy, capture_output=True, text=True)
    assert end.returncode != 0 and "error: no such folder" in end.stdout + end.stderr
    assert (copy / "results/quick/logs/base.log").read_text() == "error: no such folder\n"


@pytest.mark.parametrize(
    ("suite", "experiments"), [("quick", "all"), ("tour", "all"), ("testbed", "all"), ("paper", "style, nudity")]
)
def test_suites_plan(fake, suite, experiments):
    plan = grid.plan({"suite": suite, "experiments": experiments})
    out = snakemake(fake, "--dry-run", suite=suite, experiments=experiments)
    counts = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", out, re.MULTILINE)}
    assert counts["observe"] == len(plan.looked_at) and counts["prompts"] == len(plan.sets)
    only_learnt = [prompt_set for prompt_set in plan.sets.values() if not prompt_set.measures]
    assert counts["generate"] == len(plan.looked_at) + len(only_learnt)
    assert counts["erase"] == len(plan.shards) - 1, "of all shards but the original"
    classifiers = {asked.classifier.prompt_set for asked in plan.sets.values() if asked.classifier}
    assert counts["base"] == counts["score"] == 1 and counts["train_classifier"] == len(classifiers)


def test_the_slurm_profile_plans(fake):
    jobs = planned(fake, "--profile", "slurm", suite="paper", experiments="style")
    assert ("erase", "style/esd/seed0/van_gogh") in jobs


def test_jobs_are_command_lines_that_their_runners_understand(fake):
    """Every option of every planned job is one that the real runner has, and every one it requires is given."""
    out = snakemake(fake, "--dry-run", "--printshellcmds", suite="quick")
    commands = {}
    for line in re.findall(r"python -m (benchmark\.\w+ .*?) 2>&1", out.replace("\n", " ")):
        module, *arguments = shlex.split(line)
        commands.setdefault(module, set()).add(frozenset(a for a in arguments if a.startswith("--")))
    assert len(commands) == 8
    for module, lines in commands.items():
        text = subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True).stdout
        usage = text.partition("\n\n")[0]
        known = set(re.findall(r"--[a-z-]+", usage))
        required = known - set(re.findall(r"\[(--[a-z-]+)", usage)) - {"--no-" + k[2:] for k in known}
        for given in lines:
            assert required <= given <= known, module


def test_lint_finds_nothing_but_what_is_meant():
    """All rules share one environment; and where files of prompt sets lie is no parameter, which would be a cause."""
    end = subprocess.run([*SNAKEMAKE, "--lint"], cwd=ROOT, capture_output=True, text=True)
    titles = set(re.findall(r"^    \* (.*)$", end.stdout + end.stderr, re.MULTILINE))
    assert titles <= {
        "Specify a conda environment or container for each rule.:",
        "Shell command directly uses variable FILES from outside of the rule:",
    }


def test_no_rule_names_a_method_or_concept():
    texts = {path.name: path.read_text() for path in [ROOT / "Snakefile", *ROOT.glob("workflow/rules/*.smk")]}
    plan = grid.plan({"suite": "quick"})
    names = {erasure.variant.method for erasure in plan.run} - {ORIGINAL}
    names |= {concept.name for task in plan.tasks.values() for concept in task.concepts}
    for name, text in texts.items():
        assert not names & set(re.findall(r"\w+", text)), name
