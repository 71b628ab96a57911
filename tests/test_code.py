"""Keys of code: what changes them, what does not, and which files belong to a plugin."""

import pytest

from benchmark.errors import ConfigError
from benchmark.plan import code

FILE = '''"""A module."""

import os

TABLE = {"one": lambda name: ".a." in name, "two": lambda name: True}


class Thing:
    """A class."""

    size: int = 3

    def double(self, x):
        """A function."""
        return 2 * x  # twice
'''


@pytest.fixture
def key(small):
    """The key of a file with one text in it replaced by another."""

    def of(old="", new="", part="benchmark/a.py"):
        assert old in FILE
        small("benchmark/a.py", FILE.replace(old, new, 1) if old else FILE)
        return code.key(part)

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A module."""', '"""Another docstring."""'),
        ('"""A class."""\n\n', "\n"),
        ('        """A function."""\n', ""),
        ("  # twice", ""),
        ("2 * x", "(2 * x)"),
        ("TABLE = {", "\n\nTABLE = {\n    "),
    ],
)
def test_words_for_people_and_layout_leave_a_key_as_it_is(key, old, new):
    assert key(old, new) == key()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2 * x", "3 * x"),
        ("2 * x", "x * 2"),
        ("2 * x", "2 * x if x else None"),
        ("size: int = 3", "size: float = 3"),
        ("import os", "import sys"),
        ("def double", "async def double"),
        ('".a."', '".b."'),
    ],
)
def test_whatever_runs_changes_it(key, old, new):
    assert key(old, new) != key()


def test_a_definition_and_an_entry_have_keys_of_their_own(key):
    thing, one, two = "benchmark/a.py:Thing", "benchmark/a.py:TABLE[one]", "benchmark/a.py:TABLE[two]"
    assert key("2 * x", "3 * x", thing) != key(part=thing) and key("import os", "", thing) == key(part=thing)
    assert key('".a."', '".b."', one) != key(part=one) and key('".a."', '".b."', two) == key(part=two)
    assert key('"two"', '"three": lambda name: False, "two"', one) == key(part=one)
    key()
    assert code.entries("benchmark/a.py", "TABLE") == ("one", "two")


def test_a_definition_that_is_not_there_is_an_error(key):
    with pytest.raises(ConfigError, match="benchmark/a.py: there is no Thong, on which the keys of results depend"):
        key(part="benchmark/a.py:Thong")


def test_words_are_names_that_are_read_and_texts_not_parameters(small):
    small("benchmark/b.py", "def f(task, classifier):\n    return task.templates, 'xattn'\n")
    found = code.words("benchmark/b.py")
    assert {"task", "templates", "xattn"} <= found and "classifier" not in found


def test_closure_follows_imports_of_this_repository_only(small):
    small("benchmark/a.py", "import os\nimport benchmark.b\n\ndef f():\n    from benchmark import c\n")
    small("benchmark/b.py", "from . import d\nfrom .e import something\nfrom benchmark.a import f\n")
    for name in "cde":
        small(f"benchmark/{name}.py", "import torch\n")
    assert code.closure("benchmark/a.py") == tuple(f"benchmark/{name}.py" for name in "abcde")
    assert code.closure("benchmark/c.py", "benchmark/d.py") == ("benchmark/c.py", "benchmark/d.py")


def test_what_is_imported_for_annotations_only_is_not_run(small):
    small("benchmark/a.py", "if TYPE_CHECKING:\n    from benchmark import b\nelse:\n    from benchmark import c\n")
    for name in "bc":
        small(f"benchmark/{name}.py", "")
    assert code.closure("benchmark/a.py") == ("benchmark/a.py", "benchmark/c.py")


def test_closure_has_the_packages_that_are_imported_on_the_way(small):
    small("methods/__init__.py", "")
    small("methods/solo.py", "from methods.twin import Settings\n")
    assert "methods/__init__.py" in code.closure("methods/solo.py")


def test_closure_has_plugins_that_are_loaded_by_name(small):
    small("benchmark/observers/looks.py", "from benchmark import plugins\nplugins.load('classifiers', 'resnet')\n")
    small("benchmark/plan/plugins.py", "")
    assert "classifiers/resnet.py" in code.closure("benchmark/observers/looks.py")


def test_files_beside_a_plugin_that_have_its_name_are_its_data(small):
    small("methods/solo.json", "{}")
    small("methods/solo.weights.txt", "1")
    small("methods/other.json", "{}")
    before = code.data("methods/solo.py")
    assert list(before) == ["solo.json", "solo.weights.txt"]
    small("methods/solo.json", "[]")
    code.data.cache_clear()
    assert code.data("methods/solo.py") != before and not code.data("methods/twin.py")
