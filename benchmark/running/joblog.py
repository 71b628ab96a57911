"""What the log of a job says last: the one line of it that tells how the job ended, quoted and not interpreted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TAIL = 2**20  # bytes: how a job ended stands at the end of its log
LONGEST = 400  # letters of a quoted line
ELLIPSIS = " …"

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_DECORATION = re.compile(r"^(?:\[rank\d+\]: ?|\s*\| ?)+|^\s*\+[-+ \d.]*$")  # of torchrun, of exception groups
_TRACEBACK = re.compile(r"^\s*(?:\+ Exception Group )?Traceback \(most recent call last\):")
_FRAME = re.compile(r'^\s*File "([^"]+)", line (\d+)')
_RAISED = re.compile(  # an exception that stands by itself: its name must say what it is
    r"^(?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception|Interrupt|Failure|Abort|Exit|Expired|StopIteration|NotFound|Timeout)"
    r"(?:: .*|:?)$"
)
_DEATH = re.compile(  # what shells, the C library, drivers and our own runners say of a process that ended badly
    r"^(?:fatal|error|panic): .+|^Fatal Python error: .+|^[\w./ -]+: (?:fatal )?error: .+|^terminate called"
    r"|^\s*what\(\): |\b(?:segmentation fault|bus error|illegal instruction|floating.point exception|core dumped)\b"
    r"|^(?:Aborted|Killed)\b|\bcommand not found\b|: not found$|: line \d+: .+|\bpermission denied\b"
    r"|\bno such file or directory\b|\bno space left on device\b|\bdisk quota exceeded\b|\bcannot allocate memory\b",
    re.IGNORECASE,
)
_ABORTED = re.compile(r"^Aborted\b|\(core dumped\)|^Segmentation fault$")  # is said after the process has said why
_SAID_WHY = re.compile(
    r"^Fatal Python error: |what\(\): |^terminate called|double free|free\(\): |malloc\(\): |munmap_chunk|corrupt"
    r"|Assertion [`'\"].*failed|stack smashing detected|buffer overflow detected"
)
_REASON = re.compile(
    r"DUE TO [A-Z]|xceeded (?:job |step )?memory limit|oom[-_ ]?kill|out[-_ ]of[-_ ]memory|TERM_(?:MEM|RUN)LIMIT", re.I
)
_SCHEDULER = re.compile(  # a scheduler or the kernel ended the job: what the job says of its end only follows from it
    r"DUE TO (?:TIME LIMIT|NODE FAIL|PREEMPTION|JOB REQUEUE)|CANCELLED AT\b|\*\*\* (?:JOB|STEP) .*CANCELLED"
    r"|xceeded (?:job |step )?memory limit|oom[-_ ]?kill|out[-_ ]of[-_ ]memory (?:handler|killer)"
    r"|Out of memory: Killed process|PBS: job killed|TERM_(?:MEM|RUN)LIMIT",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"^(?:Error in (?:rule|group)|(?:local)?(?:rule|checkpoint)|group job) ?[\w-]*.*:$")
_NOISE = re.compile(  # says that something failed, not what: Snakemake on a node, srun, the tail of a crash
    r"^(?:RuleException|WorkflowError|SpawnedJobError):$|^CalledProcessError in |^At least one job did not complete"
    r"|^Command ['\"]set -euo|^Error executing rule |^Trying to restart|^Shutting down|^Exiting because a job"
    r"|^Complete log|^Elapsed time|^Removing output files|^Finished jobid|^Logfile |^Storing output|^Will exit after"
    r"|^Building DAG|^Using shell|^Provided |^Select jobs|^Execute \d+ jobs|^\d+ of \d+ steps"
    r"|^\[\w{3} \w{3} +\d+ [\d:]{8} \d{4}\]$|^srun: error: .*[Ee]xited with exit code|^srun: (?:Terminating|Job step)"
    r"|^Extension modules:|^Current thread |^Thread 0x|<no Python frame>|^[=\-_*~ ]+$|resource_tracker: "
    r"|^During handling of the above|^The above exception was"
)
_PROGRESS = re.compile(r"^.+: \d+(?: of \d+)? in \d+ s$|\d+%\|")  # a process that counts on is alive


@dataclass(frozen=True)
class Ending:
    """How a log ends, as quotations; each is empty where the log has no such line.

    `scheduler` is what a scheduler or the kernel did to the job, `error` what the job itself ended with, `last` the
    last line that says anything, `where` the line of this repository that an exception came from. `went_on` says that
    other lines follow the error: it may have been caught, and the job may have ended for another reason.
    """

    scheduler: str = ""
    error: str = ""
    last: str = ""
    where: str = ""
    went_on: bool = False


def read(path: Path) -> str:
    """The end of a log; nothing of what is no text. Raises `OSError` if it cannot be read."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        text = file.read().decode(errors="replace")
    return "\n".join(line for line in map(_plain, re.split(r"\r\n|\n|\r", text)) if line is not None)


def ending(text: str) -> Ending:
    """How a job ended, by what stands in its log."""
    scheduler = error = last = where = ""
    after = 0
    for kind, line, place in _statements(text.splitlines()):
        if kind == "scheduler":
            scheduler = scheduler if _REASON.search(scheduler) and not _REASON.search(line) else line
        elif kind == "error":
            said_why = _SAID_WHY.search(error) or (not error and _SAID_WHY.search(last))
            if not (_ABORTED.search(line) and said_why):
                error, where = line, place
            elif not error:
                error = last
            after = 0
        elif _PROGRESS.search(line):
            error = where = ""  # it was caught: the process went on
        else:
            after += 1
        last = line
    if not last:
        last = _cut(next(filter(None, map(str.strip, reversed(text.splitlines()))), ""))
    return Ending(scheduler, error, last, where, bool(error and after))


def _statements(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """The lines that say something, each as (kind, line, place in this repository); a traceback is one of them."""
    traceback = ignored = block = False
    follows = False  # this line belongs to the message of the exception above
    begun = place = ""  # an exception whose message begins on the next line
    for raw in lines:
        line = _DECORATION.sub("", raw).rstrip()
        if begun and not any(map(str.isalnum, line)):
            continue
        if begun:
            yield "error", _cut(f"{begun} {line.strip()}".strip()), place
            begun, follows = "", True
        elif _TRACEBACK.match(line):
            traceback, block, place = True, False, ""
        elif traceback and (line[:1].isspace() or not line):
            frame = _FRAME.match(line)
            place = (_ours(frame[1], frame[2]) or place) if frame else place
        elif traceback:
            traceback, follows = False, True
            if ignored:  # of a destructor, while the interpreter shut down
                ignored = False
            elif line.endswith(":"):
                begun = line
            else:
                yield "error", _cut(line), place
        elif line.startswith(("Exception ignored in", "Exception ignored on")):
            ignored = True
        elif _BLOCK.match(line):
            block = True
        elif not line.strip():
            follows = block = False
        elif (block and line.startswith("    ")) or _NOISE.search(line) or _FRAME.match(line):
            continue
        elif _SCHEDULER.search(line):
            yield "scheduler", _cut(line.strip()), ""
        elif (_RAISED.match(line) or _DEATH.search(line)) and "Warning: " not in line:
            follows = bool(_RAISED.match(line))  # only an exception's message may go on
            yield "error", _cut(line.strip().removeprefix("error: ")), ""
        elif not follows or _PROGRESS.search(line):
            follows = False
            yield "line", _cut(line.strip()), ""
    if begun:
        yield "error", begun, place
    elif traceback:  # the log ends in the middle of it
        yield "line", _cut(line.strip()), ""


def _ours(file: str, number: str) -> str:
    """A place in this repository, for people; nothing for one in a library."""
    path = Path(file)
    if path.is_absolute():
        if not path.is_relative_to(Path.cwd()):
            return ""
        path = path.relative_to(Path.cwd())
    return "" if path.parts[0].startswith((".", "<")) or "site-packages" in path.parts else f"{path}, line {number}"


def _plain(line: str) -> str | None:
    """A line without colours and control characters; None if it is no text."""
    line = _ANSI.sub("", line)
    strange = sum(letter == "�" or not (letter.isprintable() or letter == "\t") for letter in line)
    return None if strange * 5 > len(line) else "".join(c if c.isprintable() else " " for c in line)


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else line[:LONGEST].rstrip() + ELLIPSIS
