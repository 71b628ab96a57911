"""What the screen says between the lines of finished jobs: the time left, signs of life, the words of Snakemake."""

import io
import logging
import time
from collections import Counter

import pytest

from benchmark.running import display


@pytest.fixture
def shown():
    """A display that writes to a text."""
    made = display.Display(logging.StreamHandler(io.StringIO()))
    yield made
    made.close()


def told(shown, message="", level=logging.INFO, **what):
    record = logging.makeLogRecord({"msg": message, "levelno": level, "levelname": logging.getLevelName(level), **what})
    shown.handle(record)
    return shown.stream.getvalue()


def begin(shown, jobid, log, rule="erase", **wildcards):
    files = {"log": [str(log)], "benchmark": None}
    told(shown, event="job_info", jobid=jobid, rule_name=rule, wildcards=wildcards, **files)


def test_the_time_left_goes_by_how_long_the_jobs_of_each_rule_took(shown):
    shown.planned, shown.began = Counter(draw=10, look=10), time.monotonic() - 91
    assert shown.left() is None, "nothing is known yet"
    shown.done, shown.spent = Counter(draw=9, look=1), Counter(draw=90.0, look=1.0)
    assert shown.left() == pytest.approx(10 + 9, abs=0.1)
    shown.began = time.monotonic() - 91 / 2  # two ran side by side
    assert shown.left() == pytest.approx((10 + 9) / 2, abs=0.1)


def test_a_finished_job_says_what_was_done_without_naming_its_path_again(shown, tmp_path):
    (tmp_path / "log").write_text(
        "warning: so\nresults/x/models/style/esd: 16 tensors\nresults/x/manifest.csv: 9 images, 9 drawn\n"
    )
    told(shown, event="run_info", stats={"erase": 2, "total": 2})
    begin(shown, 7, tmp_path / "log", set="style", shard="object/esd/seed0/all")
    assert "[1/2] erase style/object/esd/seed0/all: 9 images, 9 drawn (0 s)\n" in told(
        shown, event="job_finished", job_id=7
    )


def test_a_time_in_a_queue_is_not_work(shown, tmp_path):
    (tmp_path / "7.tsv").write_text("s\th:m:s\n3725.5\t1:02:05\n")
    told(shown, event="run_info", stats={"erase": 1, "total": 1})
    what = {"rule_name": "erase", "wildcards": {}, "log": [], "benchmark": str(tmp_path / "7.tsv")}
    told(shown, event="job_info", jobid=7, **what)
    assert "[1/1] erase (1 h 2 min)\n" in told(shown, event="job_finished", job_id=7)


def test_long_jobs_give_a_sign_of_life(shown, tmp_path, monkeypatch):
    monkeypatch.setattr(display, "SECONDS_BETWEEN_SIGNS", 0.06)
    (tmp_path / "log").write_text("draw style: 10 of 40 in 61 s\n")
    for jobid in range(7):
        begin(shown, jobid, tmp_path / "log", set="style")
    told(shown, event="run_info", stats={"erase": 7, "total": 7})
    time.sleep(0.3)
    said = shown.stream.getvalue()
    assert "  erase style, for 0 s: draw style: 10 of 40 in 61 s\n" in said and "  and 2 more jobs\n" in said


def test_what_snakemake_says_is_passed_on_unless_it_helps_nobody(shown):
    assert told(shown, "Select jobs to execute...") == told(shown, "x", event="progress", done=1, total=2) == ""
    assert told(shown, "Nothing to be done (all requested files are present).").startswith("Nothing to be done")
    for _ in range(2):
        said = told(shown, "Will exit after finishing currently running jobs")
    assert said.count("Will exit") == 1
    assert "LockException" in told(shown, "LockException:\nError: locked", logging.ERROR, event="error")
    assert "At least" not in told(
        shown, "WorkflowError:\nAt least one job did not complete.", logging.ERROR, event="error"
    )


def test_a_job_that_is_tried_again_has_not_failed(shown, tmp_path):
    log = tmp_path / "log"
    log.write_text("EOFError\n")
    told(shown, event="run_info", stats={"erase": 1, "total": 1})
    begin(shown, 7, log)
    failed = {"jobid": 7, "rule_name": "erase", "rule_msg": None, "log": [str(log)], "shellcmd": "x"}
    assert "[1/1] erase: error: EOFError (0 s)\n" in told(shown, event="job_error", **failed)
    begin(shown, 7, log)
    told(shown, event="job_finished", job_id=7)
    shown.finish()
    assert shown.stream.getvalue().endswith("1 of 1 jobs done in 0 s\n")


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations(seconds, said):
    assert display.duration(seconds) == said


def test_nothing_is_replaced_where_snakemake_writes_to_no_screen():
    handlers = list(logging.getLogger(display.LOGGER).handlers)
    assert display.install() is None and logging.getLogger(display.LOGGER).handlers == handlers
