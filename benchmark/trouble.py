"""What went wrong, in a few lines at the end of a run: which cells failed, why, and what to type next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from benchmark import cli

SHOWN = 2  # failures that are told in full: what Snakemake says after them must leave them on the screen

# What the logs of failed jobs say, what it means, what helps. The first that is found counts.
CAUSES = (
    (r"DUE TO TIME LIMIT|'TIMEOUT'", "over its time limit", "ask for more `runtime` for rule {rule}"),
    (r"CUDA out of memory|OutOfMemoryError", "the GPU's memory is too small", "ask for a larger GPU for rule {rule}"),
    (r"xceeded job memory limit|OUT_OF_MEMORY|oom[-_ ]kill", "out of memory", "ask for more `mem_mb` for rule {rule}"),
    (r"No space left on device|Disk quota exceeded", "the disk is full", "make room where results/ lies"),
    (r"NODE.FAIL", "its node was lost", ""),
    (r"CANCELLED", "cancelled by somebody, or preempted", ""),
)
SILENT = "it ended without a word: killed by somebody, or by the system for want of memory"


@dataclass(frozen=True)
class Failure:
    """One failed job: its rule, what it should have made, what Snakemake says, its logs, its id on the cluster."""

    rule: str
    output: str
    message: str
    logs: tuple[Path, ...]
    job: str

    def said(self) -> str:
        """What the job and its scheduler wrote down, as far as it can be read."""
        return "\n".join([self.message, *(path.read_text(errors="replace") for path in self.logs if path.is_file())])

    def cause(self) -> tuple[str, str]:
        """Why it failed, and what helps. The words of the runner's own error are the cause, if it has any."""
        said = self.said()
        ours, others = (re.findall(what, said, re.MULTILINE) for what in (r"^error: (.+)$", r"^\w+Error: .+$"))
        own = [line for line in ours or others if not line.startswith(("told to stop", "CalledProcessError"))]
        for pattern, meaning, help in CAUSES:
            if re.search(pattern, said):
                return f"{meaning}: {own[-1]}" if own else meaning, help.format(rule=self.rule)
        return own[-1] if own else SILENT, ""


def main(log: Path, command: str) -> None:
    """Print what failed in a run of Snakemake, why, and what to do.

    Args:
        log: Snakemake's own log of the run.
        command: what was typed.
    """
    text = log.read_text(errors="replace") if log.is_file() else ""
    found = failures(text)
    helps = []
    for failure in found[:SHOWN]:
        cause, help = failure.cause()
        helps += [help] if help else []
        job = f" (cluster job {failure.job})" if failure.job else ""
        print(f"failed: {failure.rule} of {failure.output}{job}")
        print(f"  cause: {cause}; log: {failure.logs[-1] if failure.logs else log}")
    if len(found) > SHOWN:
        print(f"  and {len(found) - SHOWN} more, in {log}")
    print(f"next: {'; '.join([*dict.fromkeys(helps), 'the same command goes on from here'])}:  {command}")


def failures(text: str) -> list[Failure]:
    """The jobs that failed, each once, by its last try; one that succeeded when it was tried again is none of them."""
    found, done = {}, set(re.findall(r"^Finished jobid: (\d+)", text, re.MULTILINE))
    for rule, block in re.findall(r"^Error in rule (\w+):\n((?:    .*\n?)+)", text, re.MULTILINE):
        fields = dict(re.findall(r"^    (\w+): (.*)$", block, re.MULTILINE))
        if fields.get("jobid") in done:
            continue
        output, logs = fields.get("output", "").split(", ")[0], fields.get("log", "").partition(" (check")[0]
        paths = tuple(Path(path) for path in logs.split(", ") if path)
        found.pop((rule, output), None)
        found[rule, output] = Failure(rule, output, fields.get("message", ""), paths, fields.get("external_jobid", ""))
    return list(found.values())


if __name__ == "__main__":
    cli.run(main)
