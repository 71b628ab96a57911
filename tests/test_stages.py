"""Attacks on erased models, and what was made elsewhere: each through the runners, on the testbed, to its numbers."""

import csv
import re
import shutil

import pandas as pd
import pytest
from conftest import ROOT, forget
from safetensors.torch import load_file, save_file
from test_workflow import planned

import methods
from benchmark import adopt, attack, base, config, erase, generate, grid, observe, plugins, prompts, score
from benchmark import train_classifier as train
from benchmark.errors import BenchmarkError, ConfigError
from benchmark.files import sha256
from benchmark.records import Variant

SUITE = """
title: Stages
world: testbed
base: testbed/model
sampler: {scheduler: dpm, steps: 4, guidance: 3.0, size: 64, precision: float32, batch: 4, threads: 1}
budgets: {erased: 4, retained: 2, images_per_seed: 2, pool: 2, train: 4}
shard: all
settings:
  original: {}
  esd: {steps: 8, lr: 1.0e-3, batch: 2, denoise_steps: 3}
experiments:
  object: {task: object, methods: [original, esd], concepts: [church], views: [tables/object]}
"""
ATTACKED = """
title: Objects, after a search for words that bring them back
version: 1
attack: random_words
of: object
settings: {candidates: 3, noises: 2}
metrics: {accuracy: classifier, flat: spread}
"""
WEIGHTS = '''"""Theirs: weights of other people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ADOPTS = "weights"


@dataclass(frozen=True)
class Settings:
    weights: str = "elsewhere/{concept}.safetensors"
    sha256: Mapping[str, str] | None = None
'''
IMAGES = '''"""Drawn: images of other people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ADOPTS = "images"


@dataclass(frozen=True)
class Settings:
    images: str = "elsewhere/{concept}"
    rows: str = "elsewhere/{concept}.csv"
    sha256: Mapping[str, str] | None = None
'''


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A copy of what runs are made of, in which a suite of one concept is begun; `repository(path, text)` edits it."""
    for folder in ("benchmark", "methods", "attacks", "classifiers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "testbed").symlink_to(ROOT / "testbed")
    monkeypatch.setattr(plugins, "ROOT", tmp_path)
    monkeypatch.setattr(methods, "__path__", [str(tmp_path / "methods")])
    monkeypatch.chdir(tmp_path)

    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        forget()

    write("benchmark/suites/test.yaml", SUITE)
    base.main("test", tmp_path / "results/test/base.json")
    yield write
    forget()


def only(task, sets):
    """The task of the repository, with models looked at on these sets, too."""
    text = (ROOT / f"benchmark/tasks/{task}.yaml").read_text()
    return text.replace("  testbed:\n", f"  testbed:\n    erased_on: [{', '.join(sets)}]\n", 1)


def draw(tmp_path, name, *shard):
    """The images of a set by the original model or by a shard's, and what was seen in them."""
    rows = tmp_path / f"results/test/prompts/{name}.csv"
    folder = tmp_path / "results/test/images" / name
    if not rows.exists():
        prompts.main("test", rows, set=name)
    if not (folder / "original/manifest.csv").exists():
        generate.main("test", name, rows, folder / "original")
    if shard:
        generate.main("test", name, *shard)
    return folder


def look(tmp_path, name, images):
    classifier = tmp_path / "results/test/classifiers/object"
    if not classifier.exists():
        train.main("test", "object", classifier)
    out = tmp_path / "results/test/evidence" / name / images.parent.name
    observe.main("test", images, tmp_path / f"results/test/images/{name}/original/manifest.csv", out, classifier)
    return out / "evidence.csv"


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
    before, after = prompts.read(rows), prompts.read(found / "prompts.csv")
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
    rows = prompts.rows(config.load_set("object", "testbed"), config.load_suite("micro"))[:2]
    assert attack._texts(rows, rows, "attacks/a.py") == ["saw", "saw"]
    for wrong in (rows[:1], rows[::-1], [rows[0], "saw"]):
        with pytest.raises(BenchmarkError, match="attacks/a.py: search must return the rows that it was given"):
            attack._texts(wrong, rows, "attacks/a.py")


@pytest.fixture
def elsewhere(repository, tmp_path):
    """Weights of a church that was erased, as its authors would hand them over, and images drawn with them."""
    models = tmp_path / "results/test/models"
    erase.main("test", "object", "esd", ["church"], models)
    saved = load_file(models / "church/delta.safetensors")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    plain = {name.removeprefix("unet."): value.half() for name, value in saved.items()}
    save_file(plain, folder / "church.safetensors")
    repository("methods/theirs.py", WEIGHTS)
    repository("methods/drawn.py", IMAGES)
    return folder


def variant(repository, name, hash):
    repository(
        "benchmark/suites/test.yaml", SUITE.replace("  esd:", f"  {name}: {{sha256: {{church: {hash}}}}}\n  esd:")
    )


def test_weights_made_elsewhere_are_models(repository, tmp_path, elsewhere, capsys):
    variant(repository, "theirs", sha256(elsewhere / "church.safetensors"))
    assert "object/theirs/seed0/all" in grid.plan({"suite": "test", "methods": "theirs"}).shards
    for _ in range(2):
        adopt.main("test", "object", "theirs", ["church"], tmp_path / "adopted")
    own = load_file(tmp_path / "results/test/models/church/delta.safetensors")
    adopted = load_file(tmp_path / "adopted/church/delta.safetensors")
    assert adopted.keys() == own.keys() and all((adopted[n] - own[n]).abs().max() < 1e-2 for n in own)
    out = draw(tmp_path, "object") / "theirs"
    rows = tmp_path / "results/test/prompts/object.csv"
    generate.main("test", "object", rows, out, "theirs", "object", 0, ["church"], tmp_path / "adopted/models.csv")
    assert len(list(out.rglob("*.png"))) == 4 + 8 * 2


def test_images_made_elsewhere_are_looked_at_like_all_others(repository, tmp_path, elsewhere):
    rows, models = tmp_path / "results/test/prompts/object.csv", tmp_path / "results/test/models/models.csv"
    drawn = draw(tmp_path, "object") / "esd"
    generate.main("test", "object", rows, drawn, "esd", "object", 0, ["church"], models)
    shutil.copytree(drawn / "church", elsewhere / "church")
    with (elsewhere / "church.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "row", "index"])
        for path in sorted((elsewhere / "church").glob("*.png")):
            table.writerow([path.name, *path.stem.rsplit("_", 1)])
    variant(repository, "drawn", sha256(elsewhere / "church.csv"))
    out = tmp_path / "results/test/images/object/drawn"
    adopt.main("test", "object", "drawn", ["church"], out, set="object", prompts=rows)
    seen = {
        name: pd.read_csv(look(tmp_path, "object", out.parent / name / "manifest.csv")) for name in ("esd", "drawn")
    }
    same = ["row", "index", "text", "classifier_label", "lpips_testbed", "spread"]
    pd.testing.assert_frame_equal(seen["esd"][same], seen["drawn"][same])
    assert set(seen["drawn"].device) == {"elsewhere"} and set(seen["drawn"].variant) == {"drawn"}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.write_bytes(b"nothing"), "is not the file that was meant: its SHA-256 is "),
        (lambda path: path.unlink(), "cannot be read: No such file"),
    ],
)
def test_other_files_than_those_that_were_meant_are_not_adopted(repository, tmp_path, elsewhere, spoil, said):
    path = elsewhere / "church.safetensors"
    variant(repository, "theirs", sha256(path))
    spoil(path)
    with pytest.raises(BenchmarkError, match=said):
        adopt.main("test", "object", "theirs", ["church"], tmp_path / "adopted")
    assert not (tmp_path / "adopted/models.csv").exists()


def test_weights_that_do_not_fit_or_change_nothing_are_refused(repository, tmp_path, elsewhere):
    path = elsewhere / "church.safetensors"
    whole = load_file(path)
    name = next(iter(whole))
    from benchmark import diffusion

    clean = dict(diffusion.load("testbed/model").unet.state_dict())
    for tensors, said in (
        ({"nothing.weight": whole[name]}, "weight unet.nothing.weight: .* does not fit this model"),
        ({name: clean[name].clone()}, "has the weights of the base model: nothing was erased"),
        ({name: whole[name] * float("nan")}, "is not finite"),
    ):
        save_file(tensors, path)
        variant(repository, "theirs", sha256(path))
        with pytest.raises(BenchmarkError, match=said):
            adopt.main("test", "object", "theirs", ["church"], tmp_path / "adopted")


def test_an_image_that_is_missing_in_the_list_is_named(repository, tmp_path, elsewhere):
    (elsewhere / "church.csv").write_text("file,row\na.png,church-1\n")
    variant(repository, "drawn", sha256(elsewhere / "church.csv"))
    rows = tmp_path / "results/test/prompts/object.csv"
    prompts.main("test", rows, set="object")
    with pytest.raises(
        BenchmarkError, match=r"elsewhere/church.csv: has no image of row saw-\d+, index 0; .*object.csv"
    ):
        adopt.main("test", "object", "drawn", ["church"], tmp_path / "adopted", set="object", prompts=rows)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WEIGHTS.replace('"weights"\n', '"wights"\n'), "ADOPTS: there is no value 'wights'; did you mean weights"),
        (
            WEIGHTS.replace("    weights: str", "    file: str"),
            "Settings has no weights, which says where the weights lie",
        ),
        (IMAGES.replace("    rows: str", "    list: str"), "Settings has no rows, which says which list"),
    ],
)
def test_planning_says_what_an_adoption_lacks(repository, text, said):
    repository("methods/theirs.py", text)
    variant(repository, "theirs", "a")
    with pytest.raises(ConfigError, match=f"^methods/theirs.py: {said}"):
        grid.plan({"suite": "test", "methods": "theirs"})


def test_images_cannot_be_attacked(repository):
    repository("methods/drawn.py", IMAGES)
    variant(repository, "drawn", "a")
    repository("benchmark/prompt_sets/words.yaml", ATTACKED)
    repository("benchmark/tasks/object.yaml", only("object", ["object", "words"]))
    with pytest.raises(ConfigError, match="drawn: has images and no model, which prompt set words would attack"):
        grid.plan({"suite": "test", "methods": "drawn"})
    assert Variant("drawn").method == "drawn"


def test_the_workflow_adopts_in_place_of_erasing_and_drawing(fake, tmp_path):
    """Also where a file is missing: its job says so, and all other methods still run."""
    copy = tmp_path / "repository"
    shutil.copytree(fake, copy, symlinks=True, ignore=shutil.ignore_patterns("results", ".snakemake"))
    (copy / "methods/theirs.py").write_text(WEIGHTS)
    (copy / "methods/drawn.py").write_text(IMAGES)
    suite = copy / "benchmark/suites/micro.yaml"
    entries = "  theirs-a: {sha256: {chalk: a}}\n  drawn-b: {sha256: {chalk: b}}\n  esd:"
    text = suite.read_text().replace("  esd:", entries, 1)
    suite.write_text(text.replace("methods: [original, scramble, esd]", "methods: [original, esd, theirs-a, drawn-b]"))
    jobs = planned(copy)
    weights, images = "style/theirs-a/seed0/all", "style/drawn-b/seed0/all"
    assert {("adopt_models", weights), ("generate", f"style/{weights}"), ("adopt_images", f"style/{images}")} <= jobs
    assert ("erase", "style/esd/seed0/all") in jobs and ("observe", f"style/{images}") in jobs
    assert not jobs & {("erase", weights), ("erase", images), ("adopt_models", images), ("generate", f"style/{images}")}
