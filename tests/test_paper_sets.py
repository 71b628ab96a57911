"""The prompt set I2P and the rows of it that were flagged, from made-up files with its columns and oddities."""

import hashlib

import pytest
from conftest import ROOT
from paper_sets import EMPTY, LARGEST, LONG, ROWS, TWICE, i2p, place  # noqa: F401  (a fixture)

from benchmark import prompts
from benchmark.errors import BenchmarkError, ConfigError
from benchmark.model import hub
from benchmark.plan import answered, causes, grid, prompt_rows
from benchmark.plan.config import load_set, load_suite
from benchmark.plan.records import digest
from benchmark.tools import scale

ENTRY = "benchmark/prompt_sets/i2p.yaml: file data/i2p.csv: "
COPY = "the copy in AdvAnchor's repository is cut after 1712 rows"


def rows(name="i2p", **files):
    return prompt_rows.of(load_set(name, "paper"), load_suite("paper"), files)


def refused(name="i2p", **files):
    with pytest.raises(ConfigError) as caught:
        rows(name, **files)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ── I2P ──


def test_every_row_of_i2p_is_taken_as_it_stands_and_what_is_odd_is_counted(place, capsys):  # noqa: F811
    (place / "data/i2p.csv").write_text(i2p())
    prompts.main("paper", place / "out.csv", set="i2p")
    read = prompt_rows.read(place / "out.csv")
    assert len(read) == ROWS and read == rows()
    assert [row.row for row in read] == [str(number) for number in range(ROWS)], "the numbers of the cases"
    assert read[EMPTY].text == "" and read[0].noise_seed == LARGEST > 2**32 - 2**23
    assert {row.guidance for row in read} == {None} and {row.images for row in read} == {1}
    assert sum(len(row.text.split()) > 75 for row in read) == LONG
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.endswith(f"4703 rows, 4703 images; 1 without text, {TWICE} with the text of an earlier row")


def test_the_hubs_edition_is_read_by_its_own_names_of_columns(place):  # noqa: F811
    (place / "data/i2p.csv").write_text(i2p())
    one = rows()
    (place / "data/i2p.csv").write_text(i2p(hub=True))
    assert rows() == one


def test_columns_may_be_named_by_their_place_and_a_wrong_place_is_refused_by_what_is_expected(place):  # noqa: F811
    (place / "data/i2p.csv").write_text(i2p())
    one, entry = rows(), place / "benchmark/prompt_sets/i2p.yaml"
    by_name = "{text: prompt, noise_seed: [evaluation_seed, sd_seed]}"
    for columns, ends in (
        ("{text: 1, noise_seed: 10}", None),
        ("{text: 1, noise_seed: [seed, 10]}", None),
        (
            "{text: 1, noise_seed: 15}",
            "has 4702 as its largest seed, and 4290749014 expected: it is another file, or is",
        ),
        (
            "{text: 9, noise_seed: 10}",
            "has 1 different texts, and 4467 expected: it is another file, or is read by a w",
        ),
        ("{text: 1, noise_seed: 16}", "columns.noise_seed: there is no column 16 (there are 15: prompt, categories, "),
        ("{text: 1, noise_seed: [a, b]}", "columns.noise_seed: there is no column 'a' or 'b' (there are 15: prompt, "),
        ("{text: 1, noise_seed: 0}", "worlds.paper.columns.noise_seed: 0: a column is its name, or its place as a who"),
        ("{text: 1, noise_seed: []}", "worlds.paper.columns.noise_seed: the list is empty; name at least one column"),
    ):
        before = entry.read_text()
        assert by_name in before
        entry.write_text(before.replace(by_name, columns))
        load_set.cache_clear()
        if ends is None:
            assert rows() == one
        else:
            assert ends in refused()
        entry.write_text(before)
        load_set.cache_clear()


@pytest.mark.parametrize("cut", ["after a row", "within a row", "within a text in quotes"])
def test_a_file_that_is_cut_is_refused_in_one_line_that_says_so(place, cut):  # noqa: F811
    text = i2p(1712)
    text = {"after a row": text, "within a row": text[:-20], "within a text in quotes": text + '"half a te'}[cut]
    (place / "data/i2p.csv").write_text(text)
    if cut == "within a text in quotes":
        said = "cannot be read as CSV in UTF-8: unexpected end of data, after 1712 rows of 4703: it is cut"
        assert refused() == f"{ENTRY}{said}"
    else:
        said = refused()
        assert said.startswith(f"{ENTRY}has 1712 rows, and 4703 expected: it is cut; what is meant is unsafe-prompts")
        assert said.endswith(COPY)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "number 300,",
            "number 301,",
            "has 4466 different texts, and 4467 expected: it is another file, or is read by a",
        ),
        ("\n,", "\nnan,", "has 0 rows without text, and 1 expected: it is another file, or is read by a wr"),
        (str(LARGEST), "7", "has 4290749013 as its largest seed, and 4290749014 expected: it is another file, or"),
    ],
)
def test_a_file_that_is_altered_is_refused(place, old, new, message):  # noqa: F811
    assert old in i2p()
    (place / "data/i2p.csv").write_text(i2p().replace(old, new, 1))
    assert refused().startswith(ENTRY + message)


def test_the_first_read_records_the_hash_and_later_ones_are_held_to_it(place, capsys):  # noqa: F811
    file = place / "data/i2p.csv"
    file.write_text(i2p())
    sha = hashlib.sha256(file.read_bytes()).hexdigest()
    prompts.main("paper", place / "out.csv", set="i2p")
    assert (place / "data/i2p.sha256").read_text() == f"{sha}  i2p.csv\n"
    assert (
        "its hash is now in data/i2p.sha256, and later reads are held to it; to hold everybody to it, write sha2"
        in (capsys.readouterr().out)
    )
    prompts.main("paper", place / "out.csv", set="i2p")
    assert "sha256" not in capsys.readouterr().out
    file.write_text(i2p().replace("number 9,", "number nine,"))
    said = refused()
    assert said.startswith(f"{ENTRY}is another file than the one that was read first: its SHA-256 is ")
    assert said.endswith(f", and not {sha}; if this one is right, remove data/i2p.sha256")


def test_a_refused_file_is_not_recorded(place):  # noqa: F811
    (place / "data/i2p.csv").write_text(i2p(1712))
    with pytest.raises(ConfigError):
        prompts.main("paper", place / "out.csv", set="i2p")
    assert not (place / "data/i2p.sha256").exists() and not (place / "out.csv").exists()


def test_the_rows_own_guidance_is_a_copy_of_the_entry_with_one_more_column(place):  # noqa: F811
    (place / "data/i2p.csv").write_text(i2p())
    entry, page = (ROOT / "benchmark/prompt_sets/i2p.yaml").read_text(), (ROOT / "docs/prompt_sets.md").read_text()
    line = "guidance: [evaluation_guidance, sd_guidance_scale]"
    assert line in page
    copy = entry.replace("noise_seed: [evaluation_seed, sd_seed]", f"noise_seed: [evaluation_seed, sd_seed], {line}")
    (place / "benchmark/prompt_sets/i2p_per_row.yaml").write_text(copy)
    assert {row.guidance for row in rows("i2p_per_row")} == {7.0}


# ── where a file lies ──


def test_a_file_that_is_not_there_is_said_with_what_it_is_and_where_to_put_it(place, monkeypatch):  # noqa: F811
    def offline(*args, **kwargs):
        raise OSError("no network here\nnor there")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    with pytest.raises(BenchmarkError) as caught:
        prompts.main("paper", place / "out.csv", set="i2p")
    said = str(caught.value)
    assert (
        said.startswith(f"{ENTRY}is not there; it is unsafe-prompts4703.csv of ESD's repository (") and "\n" not in said
    )
    assert "; save it there, or say in config.yaml where it lies: files: {i2p: <path>}; i2p_benchmark.csv of " in said
    assert said.endswith("cannot be fetched from its hub (OSError: no network here)")
    assert not list((place / "data").iterdir())


def test_a_file_that_is_not_there_is_fetched_at_its_revision_and_kept_if_it_is_as_expected(place, monkeypatch):  # noqa: F811
    asked = []

    def fetch(dataset, file, repo_type, revision):
        asked.append((dataset, file, repo_type, revision))
        (place / "cached.csv").write_text(text)
        return str(place / "cached.csv")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    text = i2p(1712, hub=True)
    with pytest.raises(ConfigError, match="has 1712 rows, and 4703 expected: it is cut"):
        prompts.main("paper", place / "out.csv", set="i2p")
    assert not list((place / "data").iterdir()), "else the next plan would find it, and stop"
    text = i2p(hub=True)
    prompts.main("paper", place / "out.csv", set="i2p")
    assert (place / "data/i2p.csv").read_text() == text and len(prompt_rows.read(place / "out.csv")) == ROWS
    revision = "6594f223b0544fcbf63a6889417a6b9d2e40a77c"
    assert set(asked) == {("AIML-TUDA/i2p", "i2p_benchmark.csv", "dataset", revision)}
    assert hub.fetch_data("a/b", revision, "c.csv").name == "cached.csv"


def test_a_place_that_config_names_is_read_and_is_no_cause(place, tmp_path):  # noqa: F811
    (place / "data/i2p.csv").write_text(i2p())
    (place / "elsewhere.csv").write_text(i2p())
    one = grid.plan({"suite": "paper"})
    other = grid.plan({"suite": "paper", "files": {"i2p": str(place / "elsewhere.csv")}})
    keys = [{job: digest(cause()) for job, cause in causes.jobs(plan).items()} for plan in (one, other)]
    assert keys[0] == keys[1] and keys[0]["prompts", "i2p"]
    (place / "data/i2p.csv").unlink()
    assert len(rows(i2p=str(place / "elsewhere.csv"))) == ROWS
    prompts.main("paper", place / "out.csv", set="i2p", files=[f"i2p={place}/elsewhere.csv"])
    assert refused(i2p="nowhere.csv").startswith("config: files.i2p: nowhere.csv: is not there; it is unsafe-prompts")
    with pytest.raises(BenchmarkError, match="^config: files.i2p: nowhere.csv: is not there"):  # it is not fetched
        prompts.main("paper", place / "out.csv", set="i2p", files=["i2p=nowhere.csv"])
    with pytest.raises(BenchmarkError, match="^--files i2p: is not <set>=<path>"):
        prompts.main("paper", place / "out.csv", set="i2p", files=["i2p"])
    with pytest.raises(ConfigError, match="^config: files: there is no name 'i2q'; did you mean i2p?"):
        grid.plan({"suite": "paper", "files": {"i2q": "x"}})


def test_a_run_is_planned_and_its_images_are_counted_without_the_files(place):  # noqa: F811
    plan = grid.plan({"suite": "paper", "experiments": "style"})
    answered.check(plan)
    before = {job: digest(cause()) for job, cause in causes.jobs(plan).items()}
    drawn = {name: job.seconds for name, job in scale.jobs(plan, scale.Speed(1, 0, 0)).items()}
    assert drawn["generate i2p/original"] == drawn["generate i2p/style/esd/seed0/van_gogh"] == ROWS
    assert drawn["generate imagenet/style/esd/seed0/van_gogh"] == 1860
    assert answered.missing(plan) == [], "one is made, and one is fetched"
    elsewhere = grid.plan({"suite": "paper", "experiments": "style", "files": {"i2p": "~/i2p.csv"}})
    assert answered.missing(elsewhere)[0].startswith("config: files.i2p: ~/i2p.csv: is not there; it is unsafe-pr")
    (place / "data/i2p.csv").write_text(i2p())
    after = {job: digest(cause()) for job, cause in causes.jobs(plan).items()}
    changed = {job for job in before if before[job] != after[job]}
    assert {rule for rule, _ in changed} == {"prompts", "generate"} and all("i2p" in name for _, name in changed)


def test_what_was_drawn_stays_drawn_when_the_file_is_gone(place):  # noqa: F811
    file, plan = place / "data/i2p.csv", grid.plan({"suite": "paper", "experiments": "style"})
    file.write_text(i2p())
    prompts.main("paper", place / "results/paper/prompts/i2p.csv", set="i2p")
    before = {job: digest(cause()) for job, cause in causes.jobs(plan).items()}
    file.unlink()
    assert {job: digest(cause()) for job, cause in causes.jobs(plan).items()} == before


# ── the rows that were flagged ──


def test_the_flagged_rows_are_those_that_a_list_names(place):  # noqa: F811
    (place / "data/i2p.csv").write_text(i2p())
    chosen = sorted(range(0, 4700, 9))[:514]
    (place / "data/i2p_flagged.csv").write_text(
        "case_number,class\n" + "".join(f"{n},x\n" for n in [*reversed(chosen), *chosen[:300]])
    )
    flagged, every = rows("i2p_flagged"), rows()
    assert flagged == tuple(every[n] for n in chosen), "in the order of I2P, with its texts and seeds, each once"
    (place / "data/i2p_flagged.csv").write_text("case_number\n1\n2\n2\n")
    assert "has 2 rows, and 514 expected: it is cut; what is meant is a list of case numbers" in refused("i2p_flagged")
    (place / "data/i2p_flagged.csv").write_text("case_number\n1\n4703\n")
    assert refused("i2p_flagged").endswith("i2p_flagged.csv: line 3: prompt set i2p has no row '4703'")
    (place / "data/i2p.csv").unlink()
    assert refused("i2p_flagged").startswith(f"{ENTRY}is not there")
