"""What tests that kill things share: copies of this repository to run in, and what a run has left on disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
ABOUT_THIS_RUN = {"logs", "benchmarks", "figures"}  # folders whose bytes vary from run to run: times, dates
VARIES = {"meta.json"}  # device, seconds, host


def repository(folder: Path) -> Path:
    """A copy of the repository without results; the testbed's weights are linked."""
    ignored = shutil.ignore_patterns(
        ".git", ".venv", ".snakemake", ".repro", "__pycache__", "results", "testbed", ".*_cache"
    )
    shutil.copytree(ROOT, folder, ignore=ignored, symlinks=True)
    (folder / "testbed").symlink_to(ROOT / "testbed")
    return folder


def again(finished: Path, folder: Path, suite: str, *removed: str) -> Path:
    """A copy of a repository with a finished run, time stamps included, in which some results are yet to be made."""
    shutil.copytree(finished, folder, symlinks=True)
    for pattern in removed:
        for path in (folder / "results" / suite).glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


def snakemake(folder: Path, suite: str, *options: str, **how) -> subprocess.Popen:
    """Start Snakemake in a process group of its own; its output goes to run.log, from where it is."""
    command = [sys.executable, "-m", "snakemake", "--cores", "all", *options, "--config", f"suite={suite}"]
    log = (folder / "run.log").open("a")
    how = {"env": ENVIRONMENT} | how
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True, **how)


def fingerprint(results: Path) -> dict[str, str]:
    """The hash of every file of a run that must not depend on how often it was killed, and the names of the others."""
    hashes = {}
    for path in sorted(results.rglob("*")):
        name = path.relative_to(results)
        if path.is_file() and not ABOUT_THIS_RUN & set(name.parts):
            hashes[str(name)] = "" if name.name in VARIES else hashlib.sha256(path.read_bytes()).hexdigest()
    return hashes


def differences(results: Path, reference: dict[str, str]) -> list[str]:
    """The files that are missing, left over, or not as in the undisturbed run."""
    hashes = fingerprint(results)
    return sorted(name for name in hashes.keys() | reference.keys() if hashes.get(name) != reference.get(name))


def finished_work(results: Path) -> dict[str, tuple[int, int]]:
    """The images and models that are whole, each with its inode and time: a file that is written again has others."""
    files = [*results.glob("images/**/*.png"), *results.glob("models/**/*.safetensors")]
    stats = {path: path.stat() for path in files if not path.name.startswith(".")}
    return {str(path.relative_to(results)): (stat.st_ino, stat.st_mtime_ns) for path, stat in stats.items()}


def processes(copy: Path) -> list[tuple[int, str]]:
    """The runners that work in a copy, each with its process id and its name."""
    jobs = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
            if words[1:2] == ["-m"] and words[2].startswith("benchmark.") and os.readlink(process / "cwd") == str(copy):
                jobs.append((int(process.name), words[2].removeprefix("benchmark.")))
        except OSError:
            continue  # has ended
    return [job for job in jobs if job[1] != "partial"]  # it only shows what is there
