"""What the last lines of a failed run say."""

import re

import pytest

from benchmark import trouble

BLOCK = """
Error in rule {rule}:
    message: {message}
    jobid: {jobid}
    output: results/micro/images/style/esd/seed0/{part}/manifest.csv
    log: results/log, {log} (check log file(s) for error details)
    shell:
        python -m benchmark.{rule} --suite micro
    external_jobid: 7
"""


def told(capsys, tmp_path, said, message="None", jobid=3, part="all", after=""):
    (tmp_path / "7.log").write_text(said)
    (tmp_path / "run.log").write_text(
        BLOCK.format(rule="generate", message=message, jobid=jobid, part=part, log=tmp_path / "7.log") + after
    )
    trouble.main(tmp_path / "run.log", "snakemake --cores all")
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("said", "cause", "help"),
    [
        ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 1 DUE TO TIME LIMIT ***", "time limit", "runtime"),
        ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 1 ***\nerror: told to stop (SIGTERM): x", "preempted:?;", ""),
        (
            "slurmstepd: error: Exceeded job memory limit\nslurmstepd: *** JOB 7 CANCELLED ***",
            "out of memory",
            "mem_mb",
        ),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried", "GPU's memory", "larger GPU"),
        ("error: results/a.png: cannot be written: No space left on device", "disk is full: results/a.png", "room"),
        ("error: results/a.png: is not the image that b lists", "cause: results/a.png: is not the image", ""),
        ("Traceback\nValueError: what", "cause: ValueError: what", ""),
        ("", "without a word", ""),
    ],
)
def test_it_names_cell_cause_and_next_command(capsys, tmp_path, said, cause, help):
    out = told(capsys, tmp_path, said)
    assert "failed: generate of results/micro/images/style/esd/seed0/all/manifest.csv (cluster job 7)" in out
    assert re.search(cause, out) and help in out
    assert out.splitlines()[-1].startswith("next: ") and out.endswith("  snakemake --cores all\n")
    assert len(out.splitlines()) == 3


def test_a_failure_that_was_mended_by_a_second_try_is_not_told(capsys, tmp_path):
    assert "failed" not in told(capsys, tmp_path, "", after="[now]\nFinished jobid: 3 (Rule: generate)\n")


def test_many_failures_take_six_lines(capsys, tmp_path):
    more = "".join(
        BLOCK.format(rule="observe", message="None", jobid=n, part=f"p{n}", log=tmp_path / "no.log") for n in range(9)
    )
    out = told(capsys, tmp_path, "", jobid=99, after=more)
    assert len(out.splitlines()) == 6 and "and 8 more, in " in out
