"""What was made elsewhere, weights or images: through the runners, on the testbed."""

import csv
import shutil

import pandas as pd
import pytest
from safetensors.torch import load_file, save_file
from stages import ATTACKED, IMAGES, SUITE, WEIGHTS, draw, look, only, repository  # noqa: F401  (a fixture)
from test_workflow import planned

from benchmark import adopt, erase, generate, prompts
from benchmark.errors import BenchmarkError, ConfigError
from benchmark.files import sha256
from benchmark.plan import causes, grid
from benchmark.plan.records import Variant, digest


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


def test_images_made_elsewhere_are_looked_at_like_all_others(repository, tmp_path, elsewhere, monkeypatch):
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
    monkeypatch.setattr(adopt, "sensitive", lambda *given: given == ("object", "object", "testbed"))
    adopt.main("test", "object", "drawn", ["church"], out, set="object", prompts=rows)
    assert {path.stat().st_mode & 0o777 for path in out.rglob("*.*")} == {0o600}, "sensitive ones are their owner's"


def test_of_several_sets_a_list_says_which_one_an_image_is_of(repository, tmp_path, elsewhere):
    """Rows of different sets may have one name: the image of the one must not pass for the other's."""
    repository("benchmark/tasks/object.yaml", only("object", ["object", "style"]))
    (elsewhere / "church.csv").write_text("file,row\na.png,0\n")
    variant(repository, "drawn", sha256(elsewhere / "church.csv"))
    rows = tmp_path / "results/test/prompts/style.csv"
    prompts.main("test", rows, set="style")
    with pytest.raises(BenchmarkError, match="elsewhere/church.csv: needs the column prompt_set: models of this task"):
        adopt.main("test", "object", "drawn", ["church"], tmp_path / "adopted", set="style", prompts=rows)
    lines = "file,row,prompt_set\na.png,0,style\nb.png,0,object\nc.png,1,object\n"
    (elsewhere / "church.csv").write_text(lines)
    assert adopt._listed(elsewhere / "church.csv", "object", True) == {("0", 0): "b.png", ("1", 0): "c.png"}


def test_weights_of_one_concept_more_leave_those_that_were_adopted(repository, tmp_path, elsewhere):
    first, other = sha256(elsewhere / "church.safetensors"), "f" * 64
    variant(repository, "theirs", first)
    adopt.main("test", "object", "theirs", ["church"], tmp_path / "adopted")
    before = sha256(tmp_path / "adopted/church/delta.safetensors")
    repository("moved/church.safetensors", "")
    shutil.copy(elsewhere / "church.safetensors", "moved/church.safetensors")
    text = SUITE.replace(
        "  esd:",
        f"  theirs: {{weights: 'moved/{{concept}}.safetensors', sha256: {{church: {first}, saw: {other}}}}}\n  esd:",
    )
    repository("benchmark/suites/test.yaml", text)
    adopt.main("test", "object", "theirs", ["church"], tmp_path / "adopted")
    assert sha256(tmp_path / "adopted/church/delta.safetensors") == before


def test_what_is_adopted_is_taken_over_once_for_all_seeds(repository, tmp_path):
    repository("methods/theirs.py", WEIGHTS)
    text = SUITE.replace("concepts: [church]", "concepts: [church], seeds: [0, 1]")
    repository("benchmark/suites/test.yaml", text.replace("  esd:", "  theirs: {}\n  esd:"))
    plan = grid.plan({"suite": "test", "methods": "theirs"})
    assert [path for path in plan.shards if "theirs" in path] == ["object/theirs/seed0/all"]
    assert [e.erasing_seed for e in plan.experiments["object"] if e.variant == Variant("theirs")] == [0, 1]


def test_fewer_retained_images_are_adopted_anew(repository, tmp_path):
    """Where all concepts are erased by somebody, the rows of the set are the same ones."""
    repository("methods/drawn.py", IMAGES)
    keys = []
    for retained in (4, 2):
        text = SUITE.replace("concepts: [church]", "concepts: all").replace("retained: 2", f"retained: {retained}")
        repository("benchmark/suites/test.yaml", text.replace("  esd:", "  drawn: {}\n  esd:"))
        plan = grid.plan({"suite": "test", "methods": "drawn"})
        jobs = causes.jobs(plan)
        keys.append([digest(jobs[job]()) for job in (("prompts", "object"), ("adopt_images", ADOPTED))])
    assert keys[0][0] == keys[1][0] and keys[0][1] != keys[1][1]


ADOPTED = "object/object/drawn/seed0/all"


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
    from benchmark.model import diffusion

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
        (WEIGHTS + "\n\ndef apply(pipeline, request, settings, state): ...\n", "apply is never run: what ADOPTS names"),
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
