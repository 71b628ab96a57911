"""The schemas that editors read say of a file what planning says of it, as far as schemas can."""

import pytest
import yaml
from conftest import ROOT, SUITE, TASK
from snakemake.cli import parse_config
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate
from somebody import SET
from test_config import CONFIG
from test_prompt_set_errors import ENTRIES
from test_suites import SUITES
from test_tasks import TASKS

from benchmark.errors import ConfigError
from benchmark.plan import prompt_entry, strict
from benchmark.tools import schema

FILES = {
    "config": ["config.yaml"],
    "suite": ["benchmark/suites/*.yaml", "tests/suites/*.yaml"],
    "task": ["benchmark/tasks/*.yaml"],
    "prompt_set": ["benchmark/prompt_sets/*.yaml"],
}
RECORDS = schema.KINDS | {"prompt_set": prompt_entry.FileSet}
ATTACK = "{title: A, version: 1, attack: random_words, of: style, metrics: {accuracy: classifier}}"
GOOD = [("suite", SUITE), ("task", TASK), ("prompt_set", SET), ("prompt_set", ATTACK)]
BAD = [
    *(("config", yaml.safe_dump(config)) for config, _ in CONFIG),
    *(("suite", SUITE.replace(old, new, 1)) for old, new, _ in SUITES),
    *(("task", TASK.replace(old, new, 1)) for old, new, _ in TASKS),
    *(("prompt_set", SET.replace(old, new, 1)) for old, new, _ in ENTRIES),
    ("prompt_set", ATTACK.replace("of:", "off:")),
]


def paths(kind):
    return [path.relative_to(ROOT) for pattern in FILES[kind] for path in sorted(ROOT.glob(pattern))]


def valid(kind, data):
    try:
        validate(data, ROOT / schema.FOLDER / f"{kind}.schema.json", set_default=False)
    except WorkflowError:
        return False
    return True


@pytest.mark.parametrize("kind", schema.KINDS)
def test_the_files_are_what_the_records_say(kind):
    assert (ROOT / schema.FOLDER / f"{kind}.schema.json").read_text() == schema.schema(kind), (
        "run: python -m benchmark.tools.schema"
    )


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind in FILES for path in paths(kind)])
def test_every_file_names_its_schema_and_is_valid(kind, path):
    text = (ROOT / path).read_text()
    assert valid(kind, yaml.safe_load(text))
    named = text.partition("\n")[0].removeprefix("# yaml-language-server: $schema=")
    assert (ROOT / path).parent.joinpath(named).resolve() == ROOT / schema.FOLDER / f"{kind}.schema.json"


@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_what_planning_takes_is_valid(kind, text):
    assert valid(kind, yaml.safe_load(text))


@pytest.mark.parametrize("kind", schema.KINDS)
def test_what_is_not_as_the_records_say_is_not_valid(kind):
    """Neither a key that there is not, nor one that is missing, nor a value of another type or name."""
    refused = 0
    for text in (text for other, text in BAD if other == kind):
        try:
            data = yaml.safe_load(text)
            strict.build(RECORDS[kind], data, kind)
        except yaml.YAMLError:
            continue
        except ConfigError:
            assert not valid(kind, data) or ".nan" in text, text  # to a schema, NaN is a number
            refused += 1
    assert refused >= 3


@pytest.mark.parametrize("given", ["[0, 1]", "0,1", "all", "1", "['0', 1]"])
def test_seeds_of_the_command_line_are_valid(given):
    assert valid("config", {"suite": "quick", **parse_config([f"seeds={given}"])})


def test_every_key_of_the_configuration_is_described_and_shown():
    described = yaml.safe_load(schema.schema("config"))["$defs"]["_Config"]
    assert described["additionalProperties"] is False
    assert all(entry["description"] for entry in described["properties"].values())
    assert list(yaml.safe_load((ROOT / "config.yaml").read_text())) == list(described["properties"])
