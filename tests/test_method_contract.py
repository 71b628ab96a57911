"""A method's file that its job would fail with is refused when planning, in one line; others are not read for it."""

import re
import subprocess
import sys
from types import ModuleType

import pytest
from conftest import METHOD, ROOT, SUITE

from benchmark.errors import BenchmarkError, ConfigError
from benchmark.plan import config, contract, grid, plugins, protocols, source, variants
from benchmark.plan.records import Variant

LOOP = '''"""A method with a loop."""

from dataclasses import dataclass

from benchmark.model import alignment
from benchmark.model.adversarial import sequential
from benchmark.model.alignment import NoisedImages, PromptAnchor, align
from benchmark.model.alignment import align as teach

POOL = "concept"


@dataclass(frozen=True)
class Settings:
    steps: int = 40
    lr: float = 3e-4


def erase(model, request, settings):
    model.train("xattn")
    yield from align(model, steps=settings.steps, lr=settings.lr)


def helper(model):
    yield from align(model)
'''
ERASE = "\n\ndef erase(model, request, settings): ..."
ALIGN = "    yield from align(model, steps=settings.steps, lr=settings.lr)"


def looped(new):
    return LOOP.replace(ALIGN, "\n".join(f"    {line}" for line in new.splitlines()))


WRONG = {
    # erase
    "misspelt": (METHOD.replace("def erase", "def eraze"), "there is no function erase(model, request, settings); did"),
    "capital": (METHOD.replace("def erase", "def Erase"), "did you mean it by Erase?"),
    "missing": (METHOD[: METHOD.index("def erase")], "there is no function erase(model, request, settings)"),
    "async": (METHOD.replace("def erase", "async def erase"), "erase must not be async"),
    "two parameters": (METHOD.replace("request, settings", "settings"), "erase(model, settings) must be erase("),
    "no parameters": (METHOD.replace("model, request, settings", ""), "erase() must be erase(model, "),
    "four parameters": (METHOD.replace("settings)", "settings, pool)"), "must be erase(model, request, settings)"),
    "another order": (METHOD.replace("model, request", "request, model"), "given these, in this order"),
    "a word is needed": (METHOD.replace("settings)", "settings, *, pool)"), "must be erase(model, request, settings)"),
    "a setting that is none": (LOOP.replace("lr=settings.lr", "lr=settings.rate"), "there is no setting 'rate'"),
    "a setting without Settings": (
        LOOP.replace("class Settings", "class Options"),
        "line 21: settings.steps: there is no setting 'steps'",
    ),
    # loops that never run
    "dropped": (looped("align(model, steps=settings.steps)"), "line 21: align(…) does nothing by itself: write `yield"),
    "dropped and yields": (looped("align(model)\nyield"), "align(…) does nothing by itself"),
    "returned by a generator": (looped("yield\nreturn align(model)"), "align(…) does nothing by itself"),
    "yielded itself": (looped("yield align(model)"), "align(…) does nothing by itself"),
    "stored and forgotten": (looped("loop = align(model)"), "align(…) does nothing by itself"),
    "by its module": (looped("alignment.align(model)"), "alignment.align(…) does nothing by itself"),
    "by another name": (looped("teach(model)"), "teach(…) does nothing by itself"),
    "of a loop of its own": (looped("helper(model)"), "helper(…) does nothing by itself"),
    "of another module": (looped("sequential(None, [])\nyield"), "sequential(…) does nothing by itself"),
    "under an if": (looped("if settings.steps:\n    align(model)"), "line 22: align(…) does nothing by itself"),
    "in its helper": (LOOP.replace("    yield from align(model)\n", "    align(model)\n"), "align(…) does nothing by"),
    # Settings
    "no dataclass": (METHOD.replace("@dataclass(frozen=True)\n", ""), "Settings must be a frozen dataclass"),
    "not frozen": (METHOD.replace("(frozen=True)", ""), "Settings must be a frozen dataclass"),
    "frozen not": (METHOD.replace("frozen=True", "frozen=False"), "Settings must be a frozen dataclass"),
    "another decorator": (METHOD.replace("@dataclass(frozen=True)", "@final"), "Settings must be a frozen dataclass"),
    "inherited": (METHOD.replace("class Settings", "class Settings(Base)"), "Settings must not inherit"),
    "imported": (f"from x import Settings\n{ERASE}", "Settings must be a class in this file"),
    "a mapping": (f"Settings = dict\n{ERASE}", "Settings must be a class in this file"),
    "nearly Settings": (METHOD.replace("class Settings", "class Setting"), "Setting: nobody reads it; did you"),
    "a name before it": (METHOD.replace("class Settings", "class TwinSettings"), "TwinSettings: nobody reads it"),
    "no type": (METHOD.replace("clip: bool", "clip"), "Settings.clip has no type"),
    "no default": (METHOD.replace("clip: bool = False", "clip: bool"), "clip has no default"),
    "a list": (METHOD.replace('("attn2",)', '["attn2"]'), "Settings.groups: a default must not be a list"),
    "a call": (METHOD.replace("1e-5", "float(1)"), "lr must be a literal"),
    "a text for a number": (METHOD.replace("= 1e-5", '= "1e-5"'), "Settings.lr: '1e-5' is text, not a number"),
    "none for a number": (METHOD.replace("= 1e-5", "= None"), "Settings.lr: is empty (None): write a number"),
    "a choice that is none": (METHOD.replace('= "l1"', '= "l3"'), "Settings.loss: there is no value 'l3'"),
    "no group": (METHOD.replace('= "xattn"', '= "atn"'), "Settings.group: there is no value 'atn'"),
    "fewer than no steps": (METHOD.replace("= 40", "= -1"), "Settings.steps: -1 is not"),
    "no rate": (METHOD.replace("1e-5", "0.0"), "Settings.lr: 0.0 is not above 0"),
    # constants
    "no such pool": (METHOD.replace('"concept"', '"concpet"'), "POOL: there is no value 'concpet'; did you"),
    "a list of pools": (METHOD.replace('"concept"', '["concept"]'), "POOL: there is no value ['concept']"),
    "true for a pool": (METHOD.replace('"concept"', "True"), "POOL: there is no value True"),
    "a computed pool": (METHOD.replace('"concept"', "str()"), "POOL must be a literal"),
    "many pools": (METHOD.replace("POOL", "POOLS"), "POOLS: nobody reads it; did you mean POOL?"),
    "small pool": (METHOD.replace("POOL", "pool"), "pool: nobody reads it; did you mean POOL?"),
    "swapped letters": (METHOD.replace("POOL", "POLO"), "POLO: nobody reads it; did you mean POOL?"),
    "another word": (METHOD.replace("POOL", "IMAGES"), "IMAGES: nobody reads it; did you mean POOL?"),
    "controls": (METHOD + "\nCONTROLS = True\n", "CONTROLS: nobody reads it; did you mean CONTROL?"),
    "a control as text": (METHOD + '\nCONTROL = "no"\n', "CONTROL: there is no value 'no'"),
    "a control as a number": (METHOD + "\nCONTROL = 0\n", "CONTROL: there is no value 0"),
    "a seed": (METHOD + "\nSEED = 0\n", "SEED: nobody reads it; did you mean SEEDED?"),
    "seeded as a number": (METHOD + "\nSEEDED = 0\n", "SEEDED: there is no value 0"),
    # apply
    "apply without the state": (
        METHOD + "\n\ndef apply(pipeline, request, settings): ...\n",
        "must be apply(pipeline, request, settings, state): it is given these, in this order",
    ),
    "apply in another order": (METHOD + "\n\ndef apply(request, pipeline, s, t): ...\n", "must be apply(pipeline, "),
    "apply reads a setting that is none": (
        METHOD + "\n\ndef apply(pipeline, request, settings, state):\n    return settings.scale\n",
        "settings.scale: there is no setting 'scale'",
    ),
    "a note that is no text": (METHOD + "\nNOTE = 3\n", "NOTE: 3 is not text"),
    "a pool of a setting": (
        METHOD.replace("clip: bool = False", 'pool: str = "images"'),
        "POOL, or the setting pool: there is no pool 'images'",
    ),
}  # fmt: skip

RIGHT = {
    "a loop": LOOP,
    "returned": looped("return align(model, steps=settings.steps, lr=settings.lr)"),
    "stored and taken": looped("loop = align(model)\nyield from loop"),
    "by for": looped("for state in align(model):\n    yield state"),
    "by list": looped("list(align(model))"),
    "of its own": looped("yield from helper(model)"),
    "given to another": looped("yield from align(model, before=sequential(None, []))"),
    "in a lambda": looped("start = {'a': lambda: sequential(None, [])}\nyield from align(start)"),
    "other words": METHOD.replace("model, request, settings", "m, _, s"),
    "as many as come": METHOD.replace("model, request, settings", "*given"),
    "one more with a default": METHOD.replace("settings)", "settings, loud=False)"),
    "by assignment": METHOD[: METHOD.index("def erase")] + "erase = len\n",
    "no settings": '"""A closed form."""\n\n\ndef erase(model, request, settings):\n    model.unet\n',
    "dataclasses": METHOD.replace("@dataclass(", "@dataclasses.dataclass("),
    "a property": METHOD.replace(
        "    clip:", "    @property\n    def twice(self):\n        return 2\n\n    clip:"
    ).replace("    yield", "    yield settings.twice"),
    "types in quotes": METHOD.replace("steps: int", 'steps: "int"'),
    "a whole number for a rate": METHOD.replace("1e-5", "1"),
    "no warming up": METHOD.replace("clip: bool = False", "warmup_steps: int = 0"),
    "constants of its own": METHOD + "\nNODES = (1, 2)\nCOUNTS = {}\n",
    "no pool": METHOD.replace('"concept"', "None"),
    "a note": METHOD + '\nNOTE: str = "a reconstruction"\nCONTROL = False\nSEEDED = False\n',
}


@pytest.mark.parametrize(
    ("text", "said"), [case for case in WRONG.values() if case[1]], ids=[k for k in WRONG if WRONG[k][1]]
)
def test_a_wrong_method_is_refused_when_planning_in_one_line_that_names_it(small, text, said):
    assert text not in (METHOD, LOOP), "the case changes something"
    small("benchmark/model/alignment.py", (ROOT / "benchmark/model/alignment.py").read_text())
    small("benchmark/model/adversarial.py", (ROOT / "benchmark/model/adversarial.py").read_text())
    small("methods/solo.py", text)
    small("benchmark/suites/test.yaml", SUITE.replace("  solo: {lr: 3.0e-4}\n", ""))
    with pytest.raises(ConfigError) as caught:
        grid.plan({"suite": "test"})
    message = str(caught.value)
    assert said in message and "\n" not in message and len(message) < 300
    assert message.startswith(("methods/solo.py: ", "solo: POOL"))


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_what_works_is_not_refused(small, text):
    small("benchmark/model/alignment.py", (ROOT / "benchmark/model/alignment.py").read_text())
    small("benchmark/model/adversarial.py", (ROOT / "benchmark/model/adversarial.py").read_text())
    small("methods/solo.py", text)
    assert contract.problems("methods/solo.py") == []


def test_a_wrong_method_stops_only_those_who_ask_for_it(small):
    small("methods/solo.py", METHOD.replace("def erase", "def eraze"))
    plan = grid.plan({"suite": "test", "methods": ["twin-a", "twin-b"]})
    assert not any(erasure.variant.name == "solo" for erasure in plan.run)
    with pytest.raises(ConfigError, match=r"methods/solo\.py: there is no function erase"):
        grid.plan({"suite": "test", "methods": ["solo"]})


def test_all_problems_of_a_file_are_found_and_the_first_is_told(small):
    small(
        "methods/solo.py",
        METHOD.replace("def erase", "def eraze").replace("(frozen=True)", "").replace("POOL", "POOLS"),
    )
    assert len(contract.problems("methods/solo.py")) == 3
    with pytest.raises(ConfigError, match=r"\(and 2 more\)$"):
        grid.plan({"suite": "test"})


@pytest.mark.parametrize("text", ["def erase(", "\0", "\tx\n  y"])
def test_a_file_that_is_not_python_is_a_problem(small, text):
    small("methods/solo.py", text)
    (problem,) = contract.problems("methods/solo.py")
    assert re.match(r"methods/solo.py: (line \d: )?cannot be read as Python: ", problem) and "\n" not in problem


@pytest.mark.parametrize("name", plugins.names("methods"))
def test_every_shipped_method_keeps_the_contract(name):
    assert contract.problems(f"methods/{name}.py") == []


@pytest.mark.parametrize("suite", plugins.names("benchmark/suites", ".yaml"))
def test_every_shipped_suite_and_its_tasks_have_numbers_that_can_be_run(suite):
    loaded = config.load_suite(suite)
    for variant in map(Variant, variants.names(loaded)):
        assert variants.settings(loaded, variant).keys() == source.settings(variant.file).keys()
        assert variants.pool(loaded, variant) in (None, *variants.POOLS)
    assert grid.plan({"suite": suite}).tasks


OTHERS = {  # plugins of other kinds, and what is wrong with them
    "benchmark/metrics/share.py": (
        "VERSION = 1\nDIRECTION = {}\nRANGE = (0, 1)\nOBSERVER = None\nREADS = ''\n\n\ndef score(rows, seen): ...\n",
        [
            "there is no ORIGINAL",
            "score(rows, seen) must be score(rows, seen, references, settings): it is given these, in this order",
        ],
    ),
    "benchmark/observers/look.py": (
        "def look(images): ...\n",
        ["there is no function observe(images, references, settings, classifier)"],
    ),
    "benchmark/tables/mine.py": (
        "from benchmark.tables._paper import table\nCAPTION = ''\n\n\ndef blocks(): ...\n",
        ["blocks() must be blocks(scores): it is given these, in this order"],
    ),
    "benchmark/figures/mine.py": (
        "CAPTION = ''\nIMAGES = True\n\n\ndef figure(scores): ...\n",
        ["figure(scores) must be figure(scores, images, open_picture): it is given these, in this order"],
    ),
    "attacks/random.py": (
        "def search(model, original, prompts, settings):\n    return settings.steps\n",
        ["line 2: settings.steps: there is no setting 'steps' (allowed: nothing)"],
    ),
}


@pytest.mark.parametrize(("file", "text", "said"), [(file, *case) for file, case in OTHERS.items()], ids=OTHERS)
def test_plugins_of_every_kind_are_held_against_their_protocol(small, file, text, said):
    small(file, text)
    assert contract.problems(file) == [f"{file}: {problem}" for problem in said]


def test_a_classifier_is_one_if_a_task_says_so(small):
    small("classifiers/judge.py", "def build(): ...\n")
    (problem,) = contract.problems("classifiers/judge.py", protocols.Classifier)
    assert problem.startswith("classifiers/judge.py: build() must be build(classes)")


def test_an_imported_plugin_is_checked_before_it_works(monkeypatch):
    for text, said in {
        "": "methods/mine.py: there is no function erase(model, request, settings)",
        "def erase(model): ...": "methods/mine.py: erase must be erase(model, request, settings): too many positional",
        "def erase(m, r, s): ...\ndef apply(): ...": "methods/mine.py: apply must be apply(pipeline, request, ",
    }.items():
        module = ModuleType("mine")
        exec(text, module.__dict__)
        monkeypatch.setitem(sys.modules, "methods.mine", module)
        monkeypatch.setattr(plugins, "names", lambda *given: ["mine"])
        with pytest.raises(BenchmarkError, match="^" + re.escape(said)):
            plugins.load("methods", "mine")


def test_the_readmes_method_keeps_the_contract(small):
    text = (ROOT / "README.md").read_text()
    small("methods/mine.py", text[text.index('"""Mine') :].partition("```")[0])
    assert contract.problems("methods/mine.py") == []


def test_the_check_imports_neither_the_method_nor_torch(tmp_path):
    code = (
        "import sys; from pathlib import Path; from benchmark.plan import grid, plugins; "
        "plugins.ROOT = Path(sys.argv[1]); "
        "print(grid.contract.problems('methods/solo.py')); sys.exit(bool({'torch', 'methods'} & {*sys.modules}))"
    )
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods/solo.py").write_text(METHOD.replace("def erase", "def eraze"))
    end = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert end.returncode == 0 and "did you mean it by eraze?" in end.stdout


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("steps: int | None = None", "Settings.steps: None must be a whole number: checkpoints are shares of it"),
        ("steps: tuple[int, ...] = (10, 20)", "Settings.steps: (10, 20) must be a whole number"),
        ("steps: str = '40'", "Settings.steps: '40' must be a whole number"),
        ("odd: bytes = b'x'", "Settings.odd: b'x' must be a number, a text, True, False, None, or a tuple of these"),
        ("odd: complex = 1j", "Settings.odd: 1j must be a number, a text"),
    ],
)
def test_a_default_that_no_plan_can_hold_is_a_problem(small, field, said):
    small("methods/solo.py", LOOP.replace("steps: int = 40", field).replace("steps=settings.steps", "steps=4"))
    (problem,) = contract.problems("methods/solo.py")
    assert problem.startswith(f"methods/solo.py: {said}")


def test_other_ways_to_write_a_right_file_are_right(small, tmp_path):
    small("methods/solo.py", LOOP.replace("import dataclass", "import dataclass as dc").replace("@dataclass", "@dc"))
    assert contract.problems("methods/solo.py") == []
    (tmp_path / "methods/twin.py").write_bytes(b"\xef\xbb\xbf" + LOOP.encode())
    assert contract.problems("methods/twin.py") == []
