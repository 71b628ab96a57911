"""What a run shows: a line for each finished job and, on a terminal, a bar with the time that is left.

Snakemake's own words go to its log as before; here is what takes the place of its handler that writes to the screen.
"""

from __future__ import annotations

import csv
import logging
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from benchmark.running import joblog, trouble

SECONDS_BETWEEN_SIGNS = 60  # of life in a log, while no job ends
SIGNS = 5  # running jobs that then say how far they are
UNTIL_A_GUESS = 3  # finished jobs before the time left is estimated
LOGGER = "snakemake.logging"  # Snakemake's; its handlers are named
SCREEN, LOG = "DefaultStreamHandler", "DefaultLogFileHandler"
SAYS_NOTHING = (  # what Snakemake says that no reader of a screen needs; its log has it
    "Building DAG", "Using shell", "Select jobs", "Assuming unrestricted", "Complete log", "Elapsed time", "Provided ",
    "Removing output files of failed", "Config file ", "Storing output", "Exiting because a job execution failed",
    "Waiting at most", "Shutting down", "SLURM run ID",
)  # fmt: skip


@dataclass
class _Job:
    """A job that was begun, as Snakemake announced it."""

    rule: str
    name: str
    logs: tuple[Path, ...]
    table: Path | None  # where Snakemake writes how long it took
    began: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """How long it worked: on a cluster, without its time in the queue."""
        try:
            if self.table:
                with self.table.open(newline="") as file:
                    return float(next(csv.DictReader(file, delimiter="\t"))["s"])
        except (OSError, ValueError, KeyError, StopIteration):
            pass  # it has none: it failed, or was over too soon
        return time.monotonic() - self.began

    def says(self) -> str:
        """The last line of its log; a path in front of it is left out, for the job's name says what it is about."""
        for path in reversed(self.logs):
            try:
                line = joblog.ending(joblog.read(path)).last
            except OSError:
                continue
            where, colon, rest = line.partition(": ")
            return rest if colon and "/" in where and " " not in where else line
        return ""


class Display(logging.Handler):
    """Writes what people want to know of a run to the screen; what it does not know it leaves to `plain`."""

    def __init__(self, plain: logging.StreamHandler) -> None:
        super().__init__()
        self.plain, self.stream = plain, plain.stream
        self.jobs: dict[int, _Job] = {}  # begun and not ended
        self.planned: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.spent: Counter[str] = Counter()  # seconds, by rule
        self.failed: set[int] = set()
        self.ended: dict[str, int] = {}  # commands that failed, with their exit status
        self.began = self.said = time.monotonic()
        self.passed_on = ""  # the last that was: Snakemake says some things again and again
        self.bar: Any = None
        self.begun = False  # something was shown
        self.over = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            wanted = self.plain.filter(record)
            show = getattr(self, f"_{getattr(record, 'event', None) or 'message'}", self._pass_on)
            show(record, bool(wanted))
        except Exception:
            self.handleError(record)

    def finish(self) -> None:
        """Take the bar away and say how far the run came; nothing if no job was begun."""
        with self.lock:
            if self.over.is_set():
                return
            self.over.set()
            if self.bar is not None:
                self.bar.close()
            if self.begun:
                total = self.planned.total()
                failed = f", {len(self.failed)} failed" if self.failed else ""
                self._write(
                    f"{self.done.total()} of {total} jobs done in {duration(time.monotonic() - self.began)}{failed}"
                )
            self.bar = None

    def close(self) -> None:
        self.over.set()
        if self.bar is not None:
            self.bar.close()
        super().close()

    # ── what Snakemake tells, by the name of its event ──

    def _run_info(self, record: Any, wanted: bool) -> None:
        stats: Mapping[str, int] = getattr(record, "stats", {})
        self.planned = Counter({rule: count for rule, count in stats.items() if rule != "total"})
        self.began = time.monotonic()
        if wanted:
            line = f"{self.planned.total()} jobs: {', '.join(f'{n} {rule}' for rule, n in self.planned.items())}"
            width = get_terminal_size().columns if self.stream.isatty() else 10_000
            self._write(textwrap.fill(line, width, break_long_words=False))
            self._begin()

    def _job_info(self, record: Any, wanted: bool) -> None:
        name = " ".join(filter(None, (record.rule_name, "/".join(record.wildcards.values()))))
        table = Path(record.benchmark) if record.benchmark else None
        self.failed.discard(record.jobid)  # it is tried again
        self.jobs[record.jobid] = _Job(record.rule_name, name, tuple(map(Path, record.log)), table)

    def _job_finished(self, record: Any, wanted: bool) -> None:
        job = self.jobs.pop(record.job_id, None)
        if job is None:
            return
        seconds = job.seconds()
        self.done[job.rule] += 1
        self.spent[job.rule] += seconds
        if wanted and (job.logs or job.table):  # else it only names what others make
            says = job.says()
            self._line(f"{job.name}{f': {says}' if says else ''} ({duration(seconds)})")

    def _job_error(self, record: Any, wanted: bool) -> None:
        job = self.jobs.pop(record.jobid, None) or _Job(record.rule_name, record.rule_name, (), None)
        self.failed.add(record.jobid)
        if wanted:
            message = trouble.brief(record.rule_msg or "")
            status = trouble.exit_of(record.shellcmd or "", self.ended)
            failure = trouble.Failure(job.rule, "", message, tuple(map(Path, record.log)), "", status)
            self._line(f"{job.name}: error: {failure.cause()} ({duration(time.monotonic() - job.began)})")

    def _error(self, record: Any, wanted: bool) -> None:
        """A job that failed is told of by its own event, and why the run failed by the report at its end."""
        text = record.getMessage()
        self.ended |= trouble.ends(text)
        if "CalledProcessError" not in text and "At least one job did not complete" not in text:
            self._pass_on(record, wanted)

    def _message(self, record: Any, wanted: bool) -> None:
        if not record.getMessage().startswith(SAYS_NOTHING):
            self._pass_on(record, wanted)

    def _nothing(self, record: Any, wanted: bool) -> None:
        """Is in what is shown already, or helps nobody on a screen."""

    _progress = _job_started = _resources_info = _workflow_started = _nothing

    # ── the screen ──

    def _line(self, what: str) -> None:
        total = self.planned.total()
        count = self.done.total() + len(self.failed)
        self._write(f"[{count:{len(str(total))}}/{total}] {what}")
        self._refresh()

    def _pass_on(self, record: logging.LogRecord, wanted: bool) -> None:
        again = record.getMessage() == self.passed_on
        self.passed_on = record.getMessage()
        if wanted and not (again and self.passed_on):
            with self._beside_the_bar():
                self.plain.emit(record)

    def _write(self, line: str) -> None:
        self.said = time.monotonic()
        with self._beside_the_bar():
            print(line, file=self.stream, flush=True)

    def _beside_the_bar(self) -> Any:
        return nullcontext() if self.bar is None else type(self.bar).external_write_mode(self.stream)

    def _begin(self) -> None:
        self.begun = True
        if self.stream.isatty():
            from tqdm import tqdm

            form = "{n_fmt}/{total_fmt} jobs {bar} {elapsed}{postfix}"
            total = self.planned.total()
            self.bar = tqdm(total=total, file=self.stream, bar_format=form, dynamic_ncols=True, leave=False)
        threading.Thread(target=self._keep_alive, daemon=True).start()

    def _keep_alive(self) -> None:
        while not self.over.wait(1 if self.bar is not None else SECONDS_BETWEEN_SIGNS / 6):
            with self.lock:
                if self.over.is_set():
                    return
                self._refresh()
                if self.bar is None and time.monotonic() - self.said >= SECONDS_BETWEEN_SIGNS:
                    running = list(self.jobs.values())
                    for job in running[:SIGNS]:
                        says = job.says()
                        since = duration(time.monotonic() - job.began)
                        self._write(f"  {job.name}, for {since}{f': {says}' if says else ''}")
                    if len(running) > SIGNS:
                        self._write(f"  and {len(running) - SIGNS} more jobs")

    def _refresh(self) -> None:
        if self.bar is not None:
            self.bar.n = self.done.total() + len(self.failed)
            left = self.left()
            self.bar.set_postfix_str("" if left is None else f"about {duration(left)} left", refresh=False)
            self.bar.refresh()

    def left(self) -> float | None:
        """Seconds until the end, from how long finished jobs of the same rules took and how many ran side by side."""
        count, spent = self.done.total(), self.spent.total()
        passed = time.monotonic() - self.began
        if count < UNTIL_A_GUESS or not passed:
            return None
        each = {rule: self.spent[rule] / n for rule, n in self.done.items()}
        work = sum((n - self.done[rule]) * each.get(rule, spent / count) for rule, n in self.planned.items())
        running = sum(
            min(time.monotonic() - job.began, each.get(job.rule, spent / count)) for job in self.jobs.values()
        )
        return max(0.0, work - running) / max(1.0, (spent + running) / passed)


def install() -> Display | None:
    """Take the place of what Snakemake writes to the screen; None if it writes nothing there.

    Its log has everything from then on, also of a run that is `--quiet`: the report of what failed reads it.
    """
    logger = logging.getLogger(LOGGER)
    named = {handler.name: handler for handler in logger.handlers}
    for told in named[LOG].filters if LOG in named else []:
        vars(told).update(quiet=set())
    plain = named.get(SCREEN)
    if not isinstance(plain, logging.StreamHandler):
        return None
    display = Display(plain)
    logger.removeHandler(plain)
    logger.addHandler(display)
    return display


def duration(seconds: float) -> str:
    """A time as people say it: 12 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
