"""What the last lines of a failed run say: a cause is quoted, never guessed."""

import re

import pytest

from benchmark.running import joblog, trouble

BLOCK = """
Error in rule {rule}:
    message: {message}
    jobid: {jobid}
    output: results/micro/images/style/style/esd/seed0/{shard}/manifest.csv
    log: results/log, {log} (check log file(s) for error details)
    shell:
        python -m benchmark.{rule} --suite micro
        (command exited with non-zero exit code)
    external_jobid: 7
"""
ENDED = "Command 'set -euo pipefail;  python -m benchmark.generate --suite micro' returned non-zero exit status {}."
GUESSES = r"want of memory|killed by somebody|without a word|preempted|out of memory"

TB = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    g(\n    ^^\n'


def told(capsys, tmp_path, said, message="None", jobid=3, shard="all", before="", after=""):
    (tmp_path / "7.log").write_bytes(said if isinstance(said, bytes) else said.encode())
    block = BLOCK.format(rule="generate", message=message, jobid=jobid, shard=shard, log=tmp_path / "7.log")
    (tmp_path / "run.log").write_text(before + block + after)
    trouble.main(tmp_path / "run.log", "snakemake --cores all")
    return capsys.readouterr().out


SLURMSTEPD = "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 1"
FAILED = "SLURM-job '7' failed, SLURM status is: '{}'. Detailed failure reason unavailable (status command)."
NOTHING = "cause: nothing is known"
STATE_DICT = (
    "RuntimeError: Error(s) in loading state_dict for UNet:\n\tsize mismatch for a: copying\n\tsize mismatch for b"
)
DEVICE_ASSERT = (
    "torch.AcceleratorError: CUDA error: device-side assert triggered\nCUDA kernel errors might be\nCompile with"
)
IGNORED = "Exception ignored in: <function P.__del__ at 0x7>\n" + TB + "TypeError: 'NoneType' is not callable"
CRASH = (
    'Fatal Python error: Segmentation fault\n\nCurrent thread 0x7f (most recent call first):\n  File "x.py", line 1\n'
)


@pytest.mark.parametrize(
    ("said", "cause", "help"),
    [
        # what a scheduler did to the job comes before what the job says of it
        (f"{SLURMSTEPD} DUE TO TIME LIMIT ***", "cause: slurmstepd: .*DUE TO TIME", "`runtime` for rule generate"),
        (f"{SLURMSTEPD} ***\nerror: told to stop (SIGTERM): x", r"cause: slurmstepd: .*CANCELLED AT 1 \*\*\*;", ""),
        ("slurmstepd: error: Exceeded job memory limit\nslurmstepd: *** JOB 7 CANCELLED ***", "Exceeded", "mem_mb"),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=7.batch.", "cause: slurms.*oom_kill", "`mem_mb`"),
        # our own runners, and exceptions with and without a module in their name
        ("error: results/a.png: is not the image that b lists", "cause: results/a.png: is not the image", ""),
        ("error: a.png: cannot be written: No space left on device", "cause: a.png: .* No space left", "make room"),
        ("Traceback\nValueError: what", "cause: ValueError: what", ""),
        (TB + "torch.OutOfMemoryError: CUDA out of memory. Tried", "cause: torch.OutOfMemoryError: CUDA", "more mem"),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory.", "cause: torch.cuda.OutOfMemoryError: CUDA", "more memory"),
        (TB + DEVICE_ASSERT, "cause: torch.AcceleratorError: CUDA error: device-side assert triggered", ""),
        (TB + "safetensors_rust.SafetensorError: Error while", "cause: safetensors_rust.SafetensorError: Err", ""),
        (TB + "subprocess.CalledProcessError: Command 'x' died", "cause: subprocess.CalledProcessError: Com", ""),
        (TB + "EOFError", "cause: EOFError[; ]", ""),
        ("EOFError", "cause: EOFError;", ""),
        (TB + "KeyboardInterrupt", "cause: KeyboardInterrupt[; ]", ""),
        (TB + "mine.Unheard: of", "cause: mine.Unheard: of", ""),
        (TB + STATE_DICT, "cause: RuntimeError: Error.* for UNet: size mismatch for a: copying", ""),
        (TB + "AssertionError", "cause: AssertionError[; ]", ""),
        # the last of several counts, and what the interpreter says while it shuts down does not
        (TB + "KeyError: 1\n\nDuring handling\n\n" + TB + "OSError: 2", "cause: OSError: 2", ""),
        (TB + "a.B: 1\n\nThe above exception was the\n\n" + TB + "a.C: 2", "cause: a.C: 2", ""),
        (TB + "ValueError: real\n" + IGNORED, "cause: ValueError: real", ""),
        (f"[rank0]: {TB.strip().replace(chr(10), chr(10) + '[rank0]: ')}\n[rank0]: a.B: 1", "cause: a.B: 1", ""),
        (TB + "OSError: caught\nretrying\ndraw: 20 of 40 in 61 s\ndraw: 30 of 40 in 99 s", "line .*draw: 30", ""),
        ("UserWarning: no such file or directory\nSegmentation fault (core dumped)", "cause: Segmentation fault", ""),
        # crashes and shells
        ("usage: a [-h]\npython -m benchmark.a: error: unrecognized", "cause: python -m benchmark.a: error: unrec", ""),
        ("slurmstepd: error: couldn't chdir to `/x': not there\n" + TB + "a.BError: c", "cause: a.BError: c", ""),
        ("kernel: Out of memory: Killed process 7 (python)\nKilled", "cause: kernel: Out of mem", "`mem_mb`"),
        ("=>> PBS: job killed: walltime 3600 exceeded limit 3600", "cause: =>> PBS: job killed: wall", "`runtime`"),
        ("ERROR:root:no way", "cause: the last line of its log: ERROR:root:no way", ""),
        ("\u256d Traceback (most recent call last) \u256e\n\u2502 f\n\u2570\nmine.Error: x", "cause: mine.Error:", ""),
        (CRASH + "\nExtension modules: numpy (total: 1)", "cause: Fatal Python error: Segmentation fault", ""),
        ("Segmentation fault", "cause: Segmentation fault", ""),
        ("bash: line 1: python: command not found", "cause: bash: line 1: python: command not found", ""),
        ("Bus error (core dumped)", "cause: Bus error", ""),
        ("terminate called after\n  what():  c10 error\nAborted (core dumped)", r"cause: what\(\):  c10 error", ""),
        ("\x1b[31merror: red\x1b[0m", "cause: red;", ""),
        # nothing, or nothing that tells
        ("", f"{NOTHING}; its log is empty", ""),
        (bytes(range(128, 256)) * 9, f"{NOTHING}; its log .* is no text", ""),
        ("reading\rdraw: 10 of 40 in 61 s", "cause: the last line of its log: draw: 10 of 40", ""),
        (TB, r"cause: the last line of its log: \^\^", ""),
    ],
)  # fmt: skip
def test_it_names_job_cause_and_next_command(capsys, tmp_path, said, cause, help):
    out = told(capsys, tmp_path, said)
    assert "failed: generate of results/micro/images/style/style/esd/seed0/all/manifest.csv (cluster job 7)" in out
    assert re.search(cause, out) and help in out, out
    assert not re.search(GUESSES, out.replace("CUDA out of memory", ""))
    assert out.splitlines()[-1].startswith("next: ") and out.endswith("  snakemake --cores all\n")
    assert len(out.splitlines()) == 3


@pytest.mark.parametrize(
    ("message", "said", "cause", "help"),
    [
        (
            "SLURM sbatch failed. The error message was 'sbatch: error: Invalid account or account/partition'.\n"
            "    sbatch call:\n        sbatch -t 240\nFor further error details see the cluster/cloud log and",
            "", "cause: SLURM sbatch failed. The error message was 'sbatch: error: Invalid account", "slurm/profile",
        ),
        (
            "Job submission failed with exception: [Errno 2] No such file or directory: 'sbatch'"
            "For further error details see the cluster/cloud log and the log files of the involved rule(s).",
            "", "cause: Job submission failed with exception: .* No such file or directory: 'sbatch';", "has no SLURM",
        ),
        (FAILED.format("TIMEOUT"), "error: told to stop (SIGTERM)", "cause: SLURM-job '7'.*'TIMEOUT'", "`runtime`"),
        (FAILED.format("NODE_FAIL"), "", "cause: SLURM-job '7' failed, .*'NODE_FAIL'", ""),
        (FAILED.format("OUT_OF_MEMORY"), "Killed", "cause: SLURM-job .*'OUT_OF_MEMORY'", "`mem_mb`"),
        (FAILED.format("FAILED"), TB + "a.BError: c", "cause: a.BError: c", ""),
        (FAILED.format("FAILED"), "", f"{NOTHING}; SLURM-job '7' failed, .*'FAILED'", ""),
    ],
)  # fmt: skip
def test_snakemakes_own_message_is_the_cause_if_it_says_more_than_that_a_job_failed(
    capsys, tmp_path, message, said, cause, help
):
    out = told(capsys, tmp_path, said, message=message)
    assert re.search(cause, out) and help in out and "Detailed" not in out and "For further" not in out, out
    assert "manifest.csv (cluster job 7)" in out, "what stands below a message of several lines is read, too"


@pytest.mark.parametrize(
    ("status", "said", "cause"),
    [
        (137, "", r"cause: killed by signal 9 \(SIGKILL\); its log is empty"),
        (
            137,
            "draw: 10 of 40 in 61 s",
            r"cause: killed by signal 9 \(SIGKILL\); the last line of its log: draw: 10 of 40",
        ),
        (139, CRASH, r"cause: Fatal Python error: Segmentation fault \(killed by signal 11 \(SIGSEGV\)\)"),
        (135, "", r"cause: killed by signal 7 \(SIGBUS\)"),
        (3, "", "cause: nothing is known; exit status 3; its log is empty"),
        (1, "EOFError", "cause: EOFError;"),
    ],
)
def test_a_signal_is_known_by_the_exit_status_and_want_of_memory_is_not(capsys, tmp_path, status, said, cause):
    before = f'RuleException:\nCalledProcessError in file "x.smk", line 3:\n{ENDED.format(status)}\n'
    out = told(capsys, tmp_path, said, before=before)
    assert re.search(cause, out) and not re.search(GUESSES, out), out


def test_an_exit_status_that_a_node_wrote_into_the_log_is_known(capsys, tmp_path):
    assert "killed by signal 9" in told(capsys, tmp_path, ENDED.format(137))


def test_a_missing_log_is_said_to_be_missing(capsys, tmp_path):
    out = told(capsys, tmp_path, "", after=BLOCK.format(rule="score", message="None", jobid=9, shard="p", log="no.log"))
    assert "nothing is known; there is no log results/log" in out
    assert f"log: {tmp_path}/run.log" in out, "Snakemake's own log is there"


def test_a_log_is_found_from_elsewhere(capsys, tmp_path, monkeypatch):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/job, one.log").write_text("EOFError")
    (tmp_path / ".snakemake/log").mkdir(parents=True)
    log = tmp_path / ".snakemake/log/run.log"
    log.write_text(
        "Error in rule erase:\n    jobid: 1\n    log: logs/job, one.log (check log file(s) for error details)\n"
    )
    trouble.main(log, "x")
    assert "failed: rule erase\n  cause: nothing" in capsys.readouterr().out, (
        "a name with a comma is two from elsewhere"
    )
    monkeypatch.chdir(tmp_path)
    trouble.main(log, "x")
    assert "failed: rule erase\n  cause: EOFError; log: logs/job, one.log" in capsys.readouterr().out


def test_where_an_exception_was_raised_is_named_if_it_is_here(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deep = f'{TB}  File "{tmp_path}/methods/mine.py", line 12, in erase\n  File "/usr/lib/a.py", line 9, in f\n'
    assert "cause: KeyError: 1 (methods/mine.py, line 12);" in told(capsys, tmp_path, deep + "KeyError: 1")


def test_a_failure_that_was_mended_by_a_second_try_is_not_told(capsys, tmp_path):
    assert "failed" not in told(capsys, tmp_path, "", after="[now]\nFinished jobid: 3 (Rule: generate)\n")


def test_many_failures_are_told_by_their_causes(capsys, tmp_path):
    """Nine jobs of one cause take two lines; of more causes than fit a screen, the others are counted."""
    more = "".join(BLOCK.format(rule="observe", message="one", jobid=n, shard=f"p{n}", log="no") for n in range(9))
    out = told(capsys, tmp_path, "", jobid=99, after=more)
    assert len(out.splitlines()) == 5 and "p0/manifest.csv (cluster job 7), and 8 more for the same cause\n" in out
    more = "".join(BLOCK.format(rule="observe", message=f"m{n}", jobid=n, shard=f"p{n}", log="no") for n in range(20))
    out = told(capsys, tmp_path, "", jobid=99, after=more)
    assert len(out.splitlines()) == 2 * trouble.SHOWN + 2 and f"and {21 - trouble.SHOWN} more, in " in out


GROUP = """Error in group 1234:
    jobs:
        rule erase:
            jobid: 4
    Error in rule erase:
        jobid: 4
        output: results/x/models.csv
        log: {log} (check log file(s) for error details)
Error in rule score:
    message: None
    output: results/x/scores.csv
"""


def test_jobs_of_a_group_and_blocks_without_a_number_are_read(capsys, tmp_path):
    (tmp_path / "4.log").write_text("EOFError")
    (tmp_path / "run.log").write_text(GROUP.format(log=tmp_path / "4.log"))
    trouble.main(tmp_path / "run.log", "x")
    out = capsys.readouterr().out
    assert "failed: erase of results/x/models.csv\n  cause: EOFError; log:" in out
    assert "failed: score of results/x/scores.csv\n  cause: nothing is known; it has no log; log:" in out


MISSING = """localrule base:
    output: results/x/base.json
    log: results/x/base.log
    jobid: 5
MissingOutputException in rule base in file "/x/models.smk", line 4:
Job 5  completed successfully, but some output files are missing. Missing files after 5 seconds.:
results/x/base.json (missing locally)
Shutting down, this might take some time.
"""


def test_a_job_that_left_nothing_is_told(capsys, tmp_path):
    (tmp_path / "run.log").write_text(MISSING)
    trouble.main(tmp_path / "run.log", "x")
    out = capsys.readouterr().out
    assert "failed: base of results/x/base.json\n" in out
    assert "Job 5 completed successfully, but some output files are missing" in out and "Shutting" not in out


@pytest.mark.parametrize(
    ("text", "cause", "help"),
    [
        ("LockException:\nError: Directory cannot be locked. Please\n/x\n", "LockExcep", "snakemake --unlock"),
        ('MissingInputException in rule base in file "/x.smk", line 9:\nMissing files:\n    a.txt\n', "a.txt", ""),
        ("AmbiguousRuleException:\nRules a and b are ambiguous for the file c.\n", "Rules a and b are ambig", ""),
        ('SyntaxError in file "/x/Snakefile", line 3:\ninvalid syntax:\nfoo bar\n', 'line 3: invalid syntax: foo', ""),
        ("WorkflowError:\nNeither 'sacct' nor 'squeue' commands are available on this.\n", "Neither 'sacct'", "SLURM"),
        ("WorkflowError:\nreal\nWorkflowError:\nAt least one job did not complete.\n", "WorkflowError: real", ""),
        ("Terminating processes on user request, this might\n", "it was stopped: Terminating processes on user", ""),
        ("", "cause: nothing is known", ""),
    ],
)  # fmt: skip
def test_a_run_that_failed_before_any_job_names_its_cause(capsys, tmp_path, text, cause, help):
    (tmp_path / "run.log").write_text(f"Building DAG of jobs...\n{text}")
    trouble.main(tmp_path / "run.log", "snakemake --cores all")
    out = capsys.readouterr().out
    assert cause in out and help in out and len(out.splitlines()) == 2, out


def test_the_end_of_a_long_log_is_enough(tmp_path):
    with (tmp_path / "long.log").open("w") as file:
        file.writelines(f"line {n}\n" for n in range(300_000))
        file.write("EOFError\n")
    assert joblog.ending(joblog.read(tmp_path / "long.log")).error == "EOFError"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "SLURM sbatch failed. The error message was 'sbatch: warning: can't run 1 processes on 2 nodes\n"
            "sbatch: error: Batch job submission failed: Requested node configuration is not available'",
            "error: Batch job submission failed: Requested node configuration is not available'",
        ),
        ("sbatch: error: -----\nsbatch: error: Invalid account", "Invalid account"),
        ("None", ""),
        ("One line. For further error details see the cluster/cloud log", "One line"),
    ],
)
def test_a_warning_is_not_told_for_the_cause(message, said):
    brief = trouble.brief(message)
    assert brief.endswith(said) and "warning" not in brief and "\n" not in brief and (said or not brief)


def test_an_error_that_other_lines_follow_is_told_with_the_last_of_them(tmp_path, capsys):
    out = told(capsys, tmp_path, "nvidia-smi: command not found\nloading the model\nthe licence has run out\n")
    assert "cause: nvidia-smi: command not found; the last line of its log: the licence has run out" in out
    assert "last line" not in told(capsys, tmp_path, "loading the model\nOSError: no such model\n")


@pytest.mark.parametrize(
    "said", ["double free or corruption (out)", "a.out: a.c:3: f: Assertion `a' failed.", "*** stack smashing detected"]
)
def test_what_the_c_library_says_comes_before_that_the_job_was_aborted(said):
    assert joblog.ending(f"loading\n{said}\nAborted (core dumped)\n").error == said
