"""Where the files of prompt sets lie, and whether each is the one that is meant.

`files` is what config.yaml says of places: paths by the names of sets. A path is no cause of anything: the hash is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.errors import ConfigError
from benchmark.files import sha256, write_atomically
from benchmark.plan import plugins
from benchmark.plan.prompt_set import FOLDER, load_set
from benchmark.plan.records import PromptSet

Files = Mapping[str, str]
RECORDS = "data"  # the folder of the hashes that first reads record


def needed(prompt_set: PromptSet, world: str) -> tuple[PromptSet, ...]:
    """The sets whose files are read for the rows of a set: its own, and that of the set which it is of."""
    own = (prompt_set,) if prompt_set.source.file else ()
    return own + (needed(load_set(prompt_set.source.of, world), world) if prompt_set.source.of else ())


def path(prompt_set: PromptSet, files: Files) -> Path:
    """Where the file of a set must lie."""
    return plugins.ROOT / os.path.expanduser(files.get(prompt_set.name) or prompt_set.source.file.path)


def where(prompt_set: PromptSet, files: Files) -> str:
    """The place of the file, for messages: what names it, and its path."""
    name = prompt_set.name
    if name in files:
        return f"config: files.{name}: {files[name]}"
    return f"{FOLDER}/{name}.yaml: file {prompt_set.source.file.path}"


def absent(prompt_set: PromptSet, world: str, files: Files) -> list[PromptSet]:
    """The sets whose files are needed for the rows of a set and are not there."""
    return [each for each in needed(prompt_set, world) if not path(each, files).is_file()]


def missing(prompt_set: PromptSet, files: Files) -> ConfigError:
    """What to say of a file that is not there, in one line: what it is, and where to put it."""
    advice = f"save it there, or say in config.yaml where it lies: files: {{{prompt_set.name}: <path>}}"
    return ConfigError(f"{where(prompt_set, files)}: is not there{_origin(prompt_set)}; {advice}")


def check(prompt_set: PromptSet, files: Files) -> None:
    """Raise `ConfigError` if the file of a set is not there, or has another hash than is known of it."""
    if not path(prompt_set, files).is_file():
        raise missing(prompt_set, files)
    digest, said = _hash(path(prompt_set, files)), where(prompt_set, files)
    if prompt_set.source.file.sha256 and digest != prompt_set.source.file.sha256:
        meant = f"is another file than the one that is meant: its SHA-256 is {digest}"
        raise ConfigError(f"{said}: {meant}{_origin(prompt_set)}")
    if (first := recorded(prompt_set)) not in ("", digest):
        meant = f"is another file than the one that was read first: its SHA-256 is {digest}, and not {first}"
        raise ConfigError(f"{said}: {meant}; if this one is right, remove {_record(prompt_set.name)}")


def recorded(prompt_set: PromptSet) -> str:
    """The hash that the first read of a file recorded; empty if its entry says the hash, or nobody has read it."""
    record = plugins.ROOT / _record(prompt_set.name)
    if prompt_set.source.file.sha256 or not record.is_file():
        return ""
    return record.read_text().partition(" ")[0]


def record(prompt_set: PromptSet, files: Files) -> str | None:
    """Record the hash of a file of which none is known: later reads are held to it. Returns what to tell people."""
    if prompt_set.source.file.sha256 or recorded(prompt_set):
        return None
    digest = _hash(path(prompt_set, files))
    with write_atomically(plugins.ROOT / _record(prompt_set.name)) as aside:
        aside.write_text(f"{digest}  {path(prompt_set, files).name}\n")  # as `sha256sum` writes it
    kept = f"its hash is now in {_record(prompt_set.name)}, and later reads are held to it"
    return f"{where(prompt_set, files)}: {kept}; to hold everybody to it, write sha256: {digest} into its entry"


def cause(prompt_set: PromptSet, world: str, files: Files) -> list[dict[str, Any]]:
    """What the rows of a set follow from, if they are read from files: what entries say of rows, and hashes.

    A hash that no entry says is that of the file or, where the file is not there, the recorded one.
    """
    said = []
    for each in (prompt_set, *needed(prompt_set, world)):
        source, digest = each.source, ""
        if source.file:
            there = not source.file.sha256 and path(each, files).is_file()
            digest = _hash(path(each, files)) if there else source.file.sha256 or recorded(each)
        expected = source.file.expected if source.file else {}
        said.append(
            {"set": each.name, "kind": source.kind, "sha256": digest, "columns": source.columns,
             "defaults": source.defaults, "concepts": source.concepts, "of": source.of, "expected": expected}
        )  # fmt: skip
    return said


def _origin(prompt_set: PromptSet) -> str:
    return f"; it is {prompt_set.source.file.origin}" if prompt_set.source.file.origin else ""


def _record(name: str) -> str:
    return f"{RECORDS}/{name}.sha256"


def _hash(file: Path) -> str:
    stat = file.stat()
    return _hashed(file, stat.st_mtime_ns, stat.st_size)


@cache
def _hashed(file: Path, changed: int, size: int) -> str:
    """Planning asks for one hash several times."""
    return sha256(file)
