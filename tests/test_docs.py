"""Every block of code of every page runs, and every command that a page names exists. Pages are found, not listed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pages
import pytest
import typed
import yaml
from conftest import ROOT, forget
from safetensors.torch import load_file, save_file

from benchmark.errors import BenchmarkError
from benchmark.plan import config, grid, plugins, prompt_rows, prompt_set, strict, variants

BLOCKS = [block for page in pages.pages() for block in pages.blocks(page)]
COMMANDS = list(dict.fromkeys(command for page in pages.pages() for command in pages.commands(page)))


def run(language):
    return [block for block in BLOCKS if block.language == language and not block.not_run]


@pytest.fixture
def inside(clone, monkeypatch):
    """Everything that is read is read in the clone."""
    monkeypatch.chdir(clone)
    monkeypatch.setattr(plugins, "ROOT", clone)
    forget()
    yield clone
    forget()


# ── blocks ──


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_names_its_language_or_says_why_it_is_not_run(block):
    assert block.not_run or block.language in (*pages.LANGUAGES.values(), *pages.SHOWN), (
        f"{block}: {block.language!r} is no language that is run; name one, or write <!-- not run: why --> above it"
    )
    if block.language in pages.SHOWN:
        first = {line.strip().removeprefix("$ ").split(" ")[0] for line in block.text.splitlines()}
        assert not first & {*pages.OURS, "git", "conda"}, f"{block}: commands are a block of `sh`"


@pytest.mark.parametrize("block", [b for b in run("python") if not b.is_method], ids=str)
def test_python_runs(block, clone):
    """As a script, in a repository that has the results which it names."""
    for name in re.findall(r'"(results/[^"]+)"', block.text):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".safetensors"):
            unet = load_file(ROOT / "testbed/model/unet/diffusion_pytorch_model.safetensors")
            save_file({f"unet.{key}": w.float() + 1 for key, w in unet.items() if ".attn2.to_k" in key}, clone / name)
        elif name.endswith("scores.csv"):
            shutil.copy(ROOT / "docs/testbed/scores.csv", clone / name)
    end = subprocess.run([sys.executable, "-c", block.text], cwd=clone, capture_output=True, text=True)
    assert end.returncode == 0, f"{block}: {end.stderr}"


@pytest.mark.parametrize("block", run("sh"), ids=str)
def test_shell_runs(block, fake, tmp_path):
    """In a copy whose jobs take no time; what takes long by itself is planned, and arguments are read."""
    copy = tmp_path / "repository"
    shutil.copytree(fake, copy, symlinks=True)
    for method in pages.methods():
        (copy / method.file).write_text(method.text)
    (copy / ".venv").mkdir()
    (copy / ".venv/bin").symlink_to(Path(sys.executable).parent)
    (copy / ".venv/installed").touch()
    (tmp_path / "functions.sh").write_text(f"""
        git() {{ if [ "$1" = clone ]; then mkdir "$2" && cp -R {copy}/. "$2"; else command git "$@"; fi; }}
        python() {{ {sys.executable} {ROOT}/tests/typed.py python "$@"; }}
        python3() {{ python "$@"; }}
        snakemake() {{ command snakemake "$@" --dry-run; }}
        make() {{
          local dry= word
          for word in "$@"; do
            case "$word" in *=*|-*|{"|".join(typed.QUICK)}) ;; *) dry=--dry-run ;; esac
          done
          command make $dry "$@"
        }}
    """)
    begin = "mkdir work && cd work" if "git clone" in block.text else f"cd {copy}"
    script = f". {tmp_path}/functions.sh\n{begin}\n{pages.filled(block.text)}"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["bash", "-euo", "pipefail", "-c", script]
    end = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PATH": path})
    assert end.returncode == 0, f"{block}: {end.stdout[-2000:]}{end.stderr[-2000:]}"


@pytest.fixture
def with_sets(inside):
    """The clone, in which somebody has saved every prompt set that a page shows, and its CSV file."""
    for page in pages.pages():
        shown = ""
        for block in pages.blocks(page):
            entry = yaml.safe_load(block.text) if block.language == "yaml" else None
            if entry and is_prompt_set(entry):
                path = inside / re.findall(r"`(benchmark/prompt_sets/\w+\.yaml)`", block.before)[-1]
                csv = {inside / entry["file"]: shown} if "file" in entry else {}
                for file, text in {path: block.text, **csv}.items():
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(text)
            shown = block.text
    forget()
    return inside


@pytest.mark.parametrize("block", run("yaml"), ids=str)
def test_yaml_is_an_entry_that_loads(block, with_sets):
    (with_sets / "block.yaml").write_text(block.text)
    load_entry(strict.read(with_sets / "block.yaml", str(block)), with_sets)


def test_prompt_sets_of_pages_have_rows(with_sets):
    shipped = {path.stem for path in (ROOT / "benchmark/prompt_sets").glob("*.yaml")}
    names = [p.stem for p in (with_sets / "benchmark/prompt_sets").glob("*.yaml") if p.stem not in shipped]
    assert {"animals", "two_objects", "words"} <= {*names}
    for name in names:
        rows = prompt_rows.of(prompt_set.load_set(name, "testbed"), grid.load_suite("quick"))
        assert rows and all(row.images and row.text for row in rows), name


def is_prompt_set(given: dict) -> bool:
    return {"file", "columns"} <= given.keys() or {"of", "metrics"} <= given.keys()


def load_entry(given: dict, clone: Path) -> None:
    """A part of a suite, of a task, of config.yaml, of a profile, a prompt set, or a task's concepts, as it is read."""

    def inserted(file: str, part: dict, into: str) -> None:
        (clone / into).parent.mkdir(exist_ok=True)
        (clone / into).write_text(yaml.safe_dump(merged(strict.read(clone / file, file), part)))

    if given.keys() <= grid._Config.__dataclass_fields__.keys() and "settings" not in given:
        grid.plan({"suite": "quick", **given})
    elif given.keys() <= config.Suite.__dataclass_fields__.keys() - {"name"}:
        inserted("benchmark/suites/micro.yaml", given, "benchmark/suites/shown.yaml")
        for variant in given.get("settings", {}):
            variants.parse(grid.load_suite("shown"), variant)
        grid.plan({"suite": "shown"})
    elif given.keys() & {"executor", "jobs", "retries", "config", "default-resources", "set-resources", "resources"}:
        inserted("slurm/profile.yaml", given, "shown/profile.yaml")
        typed.snakemake(["--cores", "all", "--profile", "shown"])
    elif is_prompt_set(given):
        (clone / "benchmark/prompt_sets").mkdir(exist_ok=True)
        (clone / "benchmark/prompt_sets/shown.yaml").write_text(yaml.safe_dump(given))
        for world in ("testbed", "paper"):
            prompt_set.load_set("shown", world)
    else:
        task = given if given.keys() <= {"title", "version", "sensitive", "worlds"} else None
        task = task or {"worlds": {"testbed": {"concepts": given}}}
        inserted("benchmark/tasks/style.yaml", task, "benchmark/tasks/shown.yaml")
        for world in task.get("worlds", ("testbed",)):
            grid.load_task("shown", world)


def merged(whole: dict, part: dict) -> dict:
    """`whole` with what `part` says in its place, mapping by mapping."""
    nested = {key for key, value in part.items() if isinstance(value, dict) and isinstance(whole.get(key), dict)}
    return {**whole, **{key: merged(whole[key], v) if key in nested else v for key, v in part.items()}}


ENTRIES = [
    "settings:\n  esd-strong: {eta: 2.0}\n",
    "worlds:\n  testbed:\n    metrics: {accuracy: classifier}\n",
    "title: Mine\nversion: 1\nfile: mine.csv\nsha256: " + "a" * 64 + "\ncolumns: {text: t}\nmetrics: {flat: spread}\n",
    "crayon: {phrase: crayon, class_name: wax, attributes: [wax], anchors: {alternative: ink}, wordings: {w: wax}}\n",
    "methods: [esd]\nconcepts: [chalk]\n",
    "default-resources:\n  slurm_account: my_group\n",
]
WRONG = [
    "settings:\n  esd-strong: {etta: 2.0}\n",
    "settings:\n  nobody-strong: {}\n",
    "worlds:\n  testbed:\n    metrix: {accuracy: classifier}\n",
    "title: Mine\nversion: 1\nfile: mine.csv\nsha256: " + "a" * 63 + "\ncolumns: {text: t}\nmetrics: {flat: spread}\n",
    "crayon: {phrase: crayon, labels: chalk}\n",
    "methods: [esdd]\n",
    "retries: many\n",
]


@pytest.mark.parametrize("text", ENTRIES)
def test_entries_of_every_kind_are_read(inside, text):
    load_entry(yaml.safe_load(text), inside)


@pytest.mark.parametrize("text", WRONG)
def test_entries_of_every_kind_are_refused_if_they_are_wrong(inside, text):
    with pytest.raises((BenchmarkError, SystemExit)):
        load_entry(yaml.safe_load(text), inside)


# ── commands ──


@pytest.mark.parametrize("command", [c for c in COMMANDS if not c.not_run], ids=lambda c: f"{c}: {c.text}")
def test_a_command_that_a_page_names_exists(command, inside):
    if command.language == "python":
        exec(command.text, {})
    else:
        typed.check(pages.words(command.text))


@pytest.mark.parametrize(
    "wrong",
    [
        "make testt",
        "make tables tour-de-france SUITE=quick",
        "python -m benchmark.erased --help",
        "python -m benchmark.tools.compare --first a.csv --yours b.csv",
        "python -m benchmark.tools.scale --wat …",
        "python tests/slurm/ran.py",
        "snakemake --cores all tabels",
        "snakemake --cores all --config suite=quik",
        "snakemake --cores all --profile slrum",
        "snakemake --coers all",
    ],
)
def test_a_command_that_does_not_exist_is_found_out(wrong, inside):
    with pytest.raises((ValueError, BenchmarkError, SystemExit)):
        typed.check(pages.words(wrong))


# ── what a page is made of ──

PAGE = """
# A page
Save it as `methods/nice.py`, and `make  list && . .venv/bin/activate`, or not: `make fly` <!-- not run: needs wings -->
(`import os; os.sep`)

- in a list:

  ~~~~python title
  print(1)
  ~~~~

<!-- not run: needs SLURM -->
```sh
sbatch job
```
| a table | `python -m benchmark.tools.compare --first a --second b` |
|---|---|
| of `<suite>` | `make tables SUITE=<suite> \\| tee log; snakemake -n` |

    indented
"""


def test_blocks_and_commands_are_found_wherever_they_stand_in_a_page(tmp_path):
    (tmp_path / "docs/deep").mkdir(parents=True)
    (tmp_path / "docs/deep/page.md").write_text(PAGE)
    (tmp_path / "results/quick/tables").mkdir(parents=True)
    (tmp_path / "results/quick/tables/style.md").write_text("```nonsense\n```\n")
    (page,) = pages.pages(tmp_path)
    found = list(pages.blocks(page, tmp_path))
    assert [(b.language, b.not_run) for b in found] == [("python", ""), ("sh", "needs SLURM"), ("", "")]
    assert found[0].text == "print(1)\n" and found[0].file == "methods/nice.py"
    said = [(c.text, c.not_run) for c in pages.commands(page, tmp_path)]
    assert said[:3] == [("make list", ""), ("make fly", "needs wings"), ("import os; os.sep", "")]
    assert [text for text, _ in said[3:]] == [
        "python -m benchmark.tools.compare --first a --second b", "make tables SUITE=quick", "snakemake -n",
    ]  # fmt: skip
    left = "not run: docs/deep/page.md:13 (needs SLURM), docs/deep/page.md:3 (needs wings)"
    assert pages.summary(tmp_path).endswith(left)


def test_citation_has_what_its_format_requires():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()
    for entry in (cited, *cited.get("references", [])):
        assert entry["authors"] and all(a.get("name") or a.get("family-names") for a in entry["authors"])
