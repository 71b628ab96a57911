"""What one job writes and another reads is refused if somebody edited it in between: it would be scored as measured."""

import json
import os
import shutil

import pytest
from conftest import ROOT
from synthetic import draw, evidence

from benchmark import base, prompts
from benchmark.errors import BenchmarkError
from benchmark.plan import plugins, prompt_rows
from benchmark.plan.config import load_suite
from benchmark.store import evidence as seen
from benchmark.store import manifest, traces, weights


def made(kind, world):
    """A list as its job writes it, what stands in it, what somebody writes in its place, and who reads it."""
    if kind == "prompts":
        prompts.main("test", world / "prompts/style.csv", set="style")
        return world / "prompts/style.csv", ",ink picture,", ",chalk picture,", prompt_rows.read
    if kind in ("manifest", "images"):
        path = draw(world / "images", "style", "fast", "ink")
        return path, ",ink,", ",neon,", manifest.read if kind == "manifest" else seen.read
    if kind == "evidence":
        return evidence(world, "style", "fast", "ink"), ",blank,", ",ink,", seen.read
    if kind == "models":
        weights.write_deltas(world / "models.csv", [weights.Delta("ink", "ink/delta.safetensors", "0" * 64, "key")])
        return world / "models.csv", "0000", "1111", weights.deltas
    from benchmark import erase

    erase._write_trace(world / "trace.csv", [{"step": 1, "loss": 0.5}])
    return world / "trace.csv", "0.5", "0.1", traces._notes


@pytest.mark.parametrize("kind", ["prompts", "manifest", "images", "evidence", "models", "trace"])
def test_a_list_that_was_edited_is_refused(world, kind):
    path, old, new, read = made(kind, world)
    read(path)
    text = path.read_text()
    assert old in text or kind == "prompts"
    path.write_text(text.replace(old, new) if old in text else text.replace("ink", "chalk"))
    with pytest.raises(
        BenchmarkError, match=rf"{path.name}: is not as it was written: .*{path.stem}.sha256 .*; delete"
    ):
        read(path)
    path.write_bytes(text.encode()[:-9] + b"\0" * 9)
    with pytest.raises(BenchmarkError, match="is not as it was written"):
        read(path)
    path.write_text(text)
    read(path)
    path.with_suffix(".sha256").unlink()
    with pytest.raises(BenchmarkError, match="is not as it was written"):
        read(path)
    path.unlink()
    with pytest.raises(BenchmarkError, match="cannot be read: No such file"):
        read(path)


def test_a_base_model_that_was_replaced_is_refused_though_its_times_are_as_before(tmp_path, monkeypatch):
    for name in ("benchmark", "methods", "classifiers", "attacks"):
        os.symlink(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "testbed/model", tmp_path / "testbed/model")
    monkeypatch.chdir(tmp_path)
    suite = load_suite("micro")
    found = base.Base("testbed/model", None, base.hashes(tmp_path / "testbed/model"))
    (tmp_path / suite.folder).mkdir(parents=True)
    (tmp_path / suite.folder / "base.json").write_text(json.dumps(vars(found)))
    assert weights.base(suite) == found
    (path,) = (tmp_path / "testbed/model/unet").glob("*.safetensors")
    times, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(BenchmarkError, match=r"unet/.*: is not the file that .*base.json has recorded: .*; delete"):
        weights.base(suite)


def test_a_method_remembers_nothing_of_the_concept_before():
    one = plugins.load_anew("methods", "esd")
    one.REMEMBERED = "chalk"
    other = plugins.load_anew("methods", "esd")
    assert other is not one and not hasattr(other, "REMEMBERED")
    assert plugins.load("methods", "esd") is other
