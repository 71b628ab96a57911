"""What went wrong, in a few lines at the end of a run: which jobs failed, why, and what to type next.

A cause is a quotation, of Snakemake, of the scheduler or of the job's own log, or the statement that none is known.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark.running import cli, joblog

SHOWN = 10  # causes that are told in full: what is told must stay on the screen
LONGEST_BLOCK = 50_000  # letters that Snakemake says of one failed job: a call of sbatch has five thousand
UNKNOWN = "nothing is known"
_NO_SLURM = "this machine has no SLURM: start on a login node, or without `--profile slurm`"

# What helps against a cause, by what its words are. The first that is found counts.
HELP = (
    (r"DUE TO TIME LIMIT|'TIMEOUT'|\bwalltime\b.*\bexceeded\b|TERM_RUNLIMIT", "ask for more `runtime` for rule {rule}"),
    (r"CUDA out of memory|\bOutOfMemoryError\b", "rule {rule} needs a GPU with more memory"),
    (
        r"xceeded (job |step )?memory limit|OUT_OF_MEMORY|oom[-_ ]?kill|Out of memory: Killed|TERM_MEMLIMIT",
        "ask for more `mem_mb` for rule {rule}",
    ),
    (r"No space left on device|[Dd]isk quota exceeded", "make room where results/ lies"),
    (r"Invalid account|Invalid partition|partition specified", "look at the lines marked (site) in slurm/profile.yaml"),
    (r"(No such file|not found|not available).*\b(sbatch|sacct|squeue)\b", _NO_SLURM),
    (r"\b(sbatch|sacct|squeue)\b.*(not found|not available|are available)", _NO_SLURM),
    (r"scores\.csv: cannot be read: No such file", "run the suite first, or put a scores.csv there"),
    (r"cannot be locked", "unlock if, and only if, no other run is at work here: `snakemake --unlock --cores 1`"),
    (r"IncompleteFilesException|files .*are incomplete", "add `--rerun-incomplete`"),
)
WARNING = re.compile(r"\bwarning: |\berror: \W*$")
STATUS = re.compile(r"\bstatus is: '([^']+)'")
SAYS_NOTHING = {"FAILED", "ERROR", "EXIT"}  # a status that only says that the job failed
ENDED = re.compile(  # how a shell that Snakemake started came to its end
    r"^Command (['\"])(?P<command>.*?)\1 (?:returned non-zero exit status (?P<status>-?\d+)"
    r"|died with <Signals\.\w+: (?P<signal>\d+)>)\.$",
    re.MULTILINE | re.DOTALL,
)
POINTS_ELSEWHERE = re.compile(
    r"\s*For further error details see the cluster/cloud log.*|\s*Detailed failure reason unavailable.*", re.DOTALL
)
EXCEPTION = re.compile(  # an exception as Snakemake prints it: its name and place, and its message below
    r"^(?P<name>(?:\w+\.)*\w*(?:Error|Exception))(?: in (?:rule (?P<rule>\w+) in )?(?P<place>file \"[^\n]*))?:\n"
    r"(?P<message>(?:(?!\[\w{3} \w{3} |Error in rule |Shutting down).+\n?)+)",
    re.MULTILINE,
)
STOPPED = re.compile(r"^(Terminating processes on user request|Will exit after finishing currently running jobs)", re.M)


@dataclass(frozen=True)
class Failure:
    """One failed job: its rule, what it should have made, what Snakemake says, its logs, its id on the cluster.

    `exit` is the status with which its command ended, negative or above 128 if a signal ended it; None if not known.
    """

    rule: str
    output: str
    message: str
    logs: tuple[Path, ...]
    job: str
    exit: int | None = None

    @property
    def name(self) -> str:
        return f"{self.rule} of {self.output}" if self.output else f"rule {self.rule}"

    def told(self) -> Path | None:
        """The last of its logs that has something to read."""
        return next((path for path in reversed(self.logs) if path.is_file() and path.stat().st_size), None)

    def cause(self) -> str:
        """Why it failed, as far as somebody said so. What others did to the job comes before what it said itself."""
        texts, unread = self._read()
        endings = [joblog.ending(text) for text in texts]
        status = self.exit if self.exit is not None else next(filter(None, map(_status, texts)), None)
        killed = _signal(status)
        message, known = self.message, STATUS.search(self.message)
        scheduler = next((end.scheduler for end in endings if end.scheduler), "")
        failing = next((end for end in endings if end.error), joblog.Ending())
        error, where = failing.error, failing.where
        last = next((end.last for end in endings if end.last), "")
        if message and not known:
            return message
        if scheduler or (known and known[1] not in SAYS_NOTHING):
            return scheduler or message
        if error:
            details = ", ".join(filter(None, [where, killed]))
            told = f"{error} ({details})" if details and details not in error else error
            return f"{told}; the last line of its log: {failing.last}" if failing.went_on else told
        said = [f"the last line of its log: {last}"] if last else [unread or "its log is empty"]
        if killed:
            return "; ".join([killed, *said])
        facts = [f"exit status {status}"] if status else [message] if message else []
        return "; ".join([*facts, *said] if last else [UNKNOWN, *facts, *said])

    def _read(self) -> tuple[list[str], str]:
        """What the job and its scheduler wrote down, and what of it cannot be read."""
        texts, unread, missing = [], "", "" if self.logs else "it has no log"
        for path in self.logs:
            try:
                text = joblog.read(path)
            except FileNotFoundError:
                missing = missing or f"there is no log {path}"
            except OSError as error:
                unread = f"its log cannot be read: {path}: {error.strerror}"
            else:
                texts.append(text)
                if not text.strip() and path.stat().st_size:
                    unread = f"its log {path} is no text"
        return texts, unread or ("" if texts else missing)


def main(log: Path, command: str) -> None:
    """Print what failed in a run of Snakemake, why, and what to do.

    Args:
        log: Snakemake's own log of the run.
        command: what was typed.
    """
    text = log.read_text(errors="replace") if log.is_file() else ""
    failed = failures(text, log)
    together: dict[str, list[Failure]] = {}
    for failure in failed:
        together.setdefault(failure.cause(), []).append(failure)
    helps = []
    for cause, same in list(together.items())[:SHOWN]:
        first = same[0]
        helps += _help(cause, first.message, rule=first.rule)
        job = f" (cluster job {first.job})" if first.job else ""
        more = f", and {len(same) - 1} more for the same cause" if len(same) > 1 else ""
        print(f"failed: {first.name}{job}{more}")
        print(f"  cause: {cause}; log: {first.told() or log}")
    if len(together) > SHOWN:
        print(f"  and {sum(map(len, list(together.values())[SHOWN:]))} more, in {log}")
    if not failed:
        cause = before_any_job(text) or (f"it was stopped: {said[1]}" if (said := STOPPED.search(text)) else UNKNOWN)
        helps += _help(cause, rule="")
        print(f"cause: {cause}; log: {log}")
    print(f"next: {'; '.join([*dict.fromkeys(helps), 'the same command goes on from here'])}:  {command}", flush=True)


def failures(text: str, log: Path = Path()) -> list[Failure]:
    """The jobs that failed, each once, by its last try; one that succeeded when it was tried again is none of them."""
    found: dict[str, Failure] = {}
    done = set(re.findall(r"^Finished jobid: (\d+)", text, re.MULTILINE))
    begun = {}
    for block in re.findall(r"^(?:local)?(?:rule|checkpoint) \w+:\n((?:    .*\n)+)", text, re.MULTILINE):
        fields = dict(re.findall(r"^    ([\w-]+): (.*)$", block, re.MULTILINE))
        begun[fields.get("jobid", "")] = fields
    ended = ends(text)
    for rule, fields in _blocks(text):
        number = fields.get("jobid", "")
        known = begun.get(number, {})
        command = fields.get("shell", "").replace("(command exited with non-zero exit code)", "")
        failure = Failure(
            rule,
            (fields.get("output") or known.get("output", "")).split(", ")[0],
            brief(fields.get("message", "")),
            _logs(fields.get("log") or known.get("log", ""), log),
            fields.get("external_jobid", ""),
            exit_of(command, ended),
        )
        key = number or f"{rule} {failure.output}"
        found.pop(key, None)
        found[key] = failure
    for error in EXCEPTION.finditer(text):  # a job that ended well and left nothing has no block of its own
        if error["rule"] and (number := re.match(r"Job (\d+) ", error["message"])) and number[1] not in found:
            known = begun.get(number[1], {})
            output, message = known.get("output", "").split(", ")[0], _message(error)
            found[number[1]] = Failure(error["rule"], output, message, _logs(known.get("log", ""), log), "")
    return [failure for key, failure in found.items() if key not in done]


def brief(message: str) -> str:
    """What Snakemake says of a failed job, in one line and without where else to look; empty if it says nothing.

    It quotes what `sbatch` said: of that, warnings and ruled lines tell no cause, if there is anything else.
    """
    head, *lines = POINTS_ELSEWHERE.sub("", message).split("\n")
    quoted = head.partition("'")
    if len(quoted[2]) and lines and WARNING.search(quoted[2]):
        head = quoted[0] + quoted[1]
    lines = [line for line in lines if any(map(str.isalnum, line.rpartition(":")[2])) and not WARNING.search(line)]
    return "" if head == "None" else _squeezed(" ".join([head, *lines]))[: joblog.LONGEST].rstrip(". ")


def ends(text: str) -> dict[str, int]:
    """The commands that Snakemake says have failed, each with the status that it ended with."""
    return {_squeezed(end["command"]): _exit(end) for end in ENDED.finditer(text)}


def exit_of(command: str, ended: Mapping[str, int]) -> int | None:
    """The status of a rule's command among those of `ends`, which have the shell's options in front."""
    command = _squeezed(command)
    return next((status for shell, status in ended.items() if command and shell.endswith(command)), None)


def before_any_job(text: str) -> str:
    """Why a run ended in which no job failed: the last exception that Snakemake printed; empty if it printed none."""
    found = [error for error in EXCEPTION.finditer(text) if not error["message"].startswith("At least one job did not")]
    own = [
        line for line in re.findall(r"^[Ee]rror: (.+)$", text, re.MULTILINE) if "Directory cannot be locked" not in line
    ]
    return _message(found[-1]) if found else own[-1] if own else joblog.ending(text).error


def stopped(text: str) -> bool:
    """Whether somebody stopped the run."""
    return bool(STOPPED.search(text))


def _blocks(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """What Snakemake says of each failed job, by the names of the lines."""
    for start in re.finditer(r"^ *Error in rule (\w+):\n", text, re.MULTILINE):
        indent = len(start[0]) - len(start[0].lstrip())
        rest = re.split(
            r"^ *Error in (?:rule|group) ",
            text[start.end() : start.end() + LONGEST_BLOCK],
            maxsplit=1,
            flags=re.MULTILINE,
        )[0]
        numbered = re.search(rf"^ {{{indent + 4}}}jobid: ", rest, re.MULTILINE)
        fields: dict[str, str] = {}
        name = ""
        for line in rest.split("\n"):
            inside = name == "message" and numbered  # it may have any lines; `jobid` ends it
            field = re.match(rf" {{{indent + 4}}}([\w-]+): ?(.*)$", line)
            if field and (not inside or field[1] == "jobid"):
                name = field[1]
                fields[name] = field[2]
            elif inside or line.startswith(" " * (indent + 8)):
                fields[name] = f"{fields.get(name, '')}\n{line.strip()}"
            else:
                break
        yield start[1], fields


def _logs(field: str, log: Path) -> tuple[Path, ...]:
    """The logs of a job, looked for where we are and in the folders above Snakemake's own log."""
    listed = field.partition(" (check log file")[0]
    names = [listed] if Path(listed).is_file() else listed.split(", ")
    bases = [Path(), *log.absolute().parents]
    paths = ([base / name for base in bases if (base / name).is_file()] or [Path(name)] for name in names if name)
    return tuple(found[0] for found in paths)


def _message(error: re.Match[str]) -> str:
    """An exception of Snakemake in one line."""
    place = f" in {error['place']}" if error["place"] else ""
    return f"{error['name']}{place}: {_squeezed(error['message'])[: joblog.LONGEST].rstrip('. ')}"


def _exit(end: re.Match[str]) -> int:
    return int(end["status"]) if end["status"] else -int(end["signal"])


def _status(text: str) -> int | None:
    """The status that another Snakemake, on a node, has written into a log."""
    ends = [_exit(end) for end in ENDED.finditer(text)]
    return ends[-1] if ends else None


def _signal(status: int | None) -> str:
    """The signal that a status of a shell stands for, in words; nothing if it stands for none."""
    number = -status if status and status < 0 else (status or 0) - 128
    try:
        return f"killed by signal {number} ({signal.Signals(number).name})" if number > 0 else ""
    except ValueError:
        return ""


def _squeezed(command: str) -> str:
    return " ".join(command.split())


def _help(*said: str, **names: str) -> list[str]:
    """What helps, if there is something."""
    return [help.format(**names) for pattern, help in HELP if re.search(pattern, "\n".join(said))][:1]


if __name__ == "__main__":
    cli.run(main)
