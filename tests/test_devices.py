"""Several GPUs, one machine, no scheduler: never two jobs on one device, and none lost when jobs are killed."""

import csv
import os
import re
import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from conftest import ROOT

from benchmark.errors import BenchmarkError
from benchmark.plan.config import load_suite
from benchmark.running import devices

JOBS, DEVICES = 200, 4

# A job says when it got which device and when it gave it up. Every fifth is killed while it has one.
JOB = f"""
import os, random, signal, sys, time
sys.path.insert(0, {str(ROOT)!r})
from benchmark.running import devices
index = int(sys.argv[1])
with devices.claimed(share=True) as name:
    assert os.environ["CUDA_VISIBLE_DEVICES"] == name
    got = time.monotonic()
    time.sleep(random.Random(index).uniform(0.01, 0.2))
    with open("held.csv", "a") as file:
        file.write(f"{{index}},{{name}},{{got}},{{time.monotonic()}}\\n")
    if index % 5 == 0 and not os.path.exists(f"{{index}}.killed"):
        open(f"{{index}}.killed", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
open(sys.argv[2], "w").close()
"""
SNAKEFILE = """
rule all:
    input: [f"{i}.txt" for i in range(JOBS)]

rule job:
    output: "{i}.txt"
    resources: gpu=1
    shell: "PYTHON job.py {wildcards.i} {output}"
"""


def test_200_jobs_share_four_devices_and_some_are_killed(tmp_path):
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("JOBS", str(JOBS)).replace("PYTHON", sys.executable))
    command = [sys.executable, "-m", "snakemake", "--cores", "12", "--retries", "1", "--quiet", "all"]
    names = ",".join(str(index) for index in range(DEVICES))
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": names, "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    # Six jobs at a time for four devices: two always wait, so that the lock is what keeps them apart.
    end = subprocess.run([*command, "--resources", f"gpu={DEVICES + 2}"], cwd=tmp_path, env=environment)
    assert end.returncode == 0
    held = [(int(i), name, float(a), float(b)) for i, name, a, b in csv.reader((tmp_path / "held.csv").open())]
    assert len(held) == JOBS + JOBS // 5, "each killed job ran twice"
    for name in {row[1] for row in held}:
        spans = sorted((a, b) for _, n, a, b in held if n == name)
        assert all(before[1] <= after[0] for before, after in pairwise(spans)), name
    events = sorted([(a, 1) for _, _, a, _ in held] + [(b, -1) for _, _, _, b in held])
    busy = [sum(step for _, step in events[: k + 1]) for k in range(len(events))]
    assert max(busy) == DEVICES == len({row[1] for row in held}), "side by side, on all of them"
    tell = f"print([devices._lock({names.split(',')})[1] for _ in range({DEVICES})])"
    claim = f"from benchmark.running import devices; {tell}"
    out = subprocess.run([sys.executable, "-c", claim], cwd=ROOT, env=environment, capture_output=True, timeout=10)
    assert sorted(re.findall(rb"\d", out.stdout)) == names.encode().split(b","), "none leaked: all can be had at once"


def test_one_device_or_none_is_left_as_it_is(monkeypatch):
    for told in ("", "3", "GPU-1a2b"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
        with devices.claimed(share=True) as name:
            assert os.environ["CUDA_VISIBLE_DEVICES"] == told and name == (told or None)


def test_jobs_of_large_models_have_the_only_device_of_a_machine_one_by_one(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "devices", lambda: ["0"])
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    told = []
    monkeypatch.setattr(devices.time, "sleep", lambda _: told.append("waits") or os.close(handle))
    with devices.claimed(share=True), devices.claimed(share=True):
        assert "CUDA_VISIBLE_DEVICES" not in os.environ
    handle, _ = devices._lock(["0"])
    with devices.claimed(share=False) as name:
        assert (name, os.environ["CUDA_VISIBLE_DEVICES"], told) == ("0", "0", ["waits"])


def test_small_models_share_a_device_and_large_ones_do_not():
    assert load_suite("quick").small and not load_suite("paper").small


def test_float32_means_float32_whatever_the_environment_says(monkeypatch):
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", True)
    devices.device()
    assert torch.get_float32_matmul_precision() == "highest"


GIVEN = ("CUDA_VISIBLE_DEVICES", *devices.NAMED, *devices.COUNTED)


def device(monkeypatch, **environment: str) -> str:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)  # also on a machine with GPUs
    for name in GIVEN:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return str(devices.device())


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"CUDA_VISIBLE_DEVICES": "0"}, "CUDA_VISIBLE_DEVICES=0: "),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1a2b,GPU-3c4d"}, "CUDA_VISIBLE_DEVICES=GPU-1a2b,GPU-3c4d: "),
        ({"CUDA_VISIBLE_DEVICES": "MIG-1a2b"}, "CUDA_VISIBLE_DEVICES=MIG-1a2b: "),
        ({"SLURM_JOB_GPUS": "0"}, "SLURM_JOB_GPUS=0: "),
        ({"SLURM_STEP_GPUS": "3"}, "SLURM_STEP_GPUS=3: "),
        ({"SLURM_GPUS_ON_NODE": "1"}, "SLURM_GPUS_ON_NODE=1: "),
        ({"SLURM_GPUS": "2"}, "SLURM_GPUS=2: "),
        ({"SLURM_GPUS_PER_TASK": "h100:1"}, "SLURM_GPUS_PER_TASK=h100:1: "),
        ({"PBS_GPUFILE": "/var/spool/pbs/aux/7gpu"}, "PBS_GPUFILE=/var/spool/pbs/aux/7gpu: "),
        ({"_CONDOR_AssignedGPUs": "CUDA0"}, "_CONDOR_AssignedGPUs=CUDA0: "),
        ({"ROCR_VISIBLE_DEVICES": "0"}, "ROCR_VISIBLE_DEVICES=0: "),
        ({"CUDA_VISIBLE_DEVICES": "NoDevFiles", "SLURM_JOB_GPUS": "2"}, "SLURM_JOB_GPUS=2: "),
    ],
)
def test_a_gpu_that_was_given_and_is_not_seen_is_an_error(monkeypatch, environment, named):
    with pytest.raises(BenchmarkError, match=f"^{named}this job was given a GPU, but torch sees none: ") as error:
        device(monkeypatch, **environment)
    assert "CUDA_VISIBLE_DEVICES=-1 computes on the CPU" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"CUDA_VISIBLE_DEVICES": ""},
        {"CUDA_VISIBLE_DEVICES": "-1"},
        {"CUDA_VISIBLE_DEVICES": "NoDevFiles"},
        {"SLURM_GPUS_ON_NODE": "0"},
        {"SLURM_GPUS_PER_NODE": "0"},
        {"CUDA_VISIBLE_DEVICES": "none"},
        {"SLURM_JOB_GPUS": ""},
        {"CUDA_VISIBLE_DEVICES": "-1", "SLURM_JOB_GPUS": "0"},  # hidden on purpose
    ],
)
def test_a_job_without_a_gpu_computes_on_the_cpu(monkeypatch, environment):
    assert device(monkeypatch, **environment) == "cpu"
    assert re.fullmatch(r"cpu \w+", devices.kind())


def test_a_gpu_of_the_machine_that_was_claimed_and_is_not_seen_is_an_error(monkeypatch):
    device(monkeypatch)
    monkeypatch.setattr(devices, "devices", lambda: ["0"])
    with devices.claimed(share=True), pytest.raises(BenchmarkError, match="^/dev/nvidia0: this job was given a GPU"):
        devices.device()
    assert str(devices.device()) == "cpu", "given up with the job"
    monkeypatch.setattr(devices, "devices", lambda: ["0", "1"])
    with (
        devices.claimed(share=True),
        pytest.raises(BenchmarkError, match="^CUDA_VISIBLE_DEVICES=[01]: this job was given"),
    ):
        devices.device()


def test_a_build_of_torch_without_gpus_is_told_as_such(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(BenchmarkError, match="is a build for the CPU; install one for GPUs"):
        device(monkeypatch, SLURM_JOB_GPUS="0")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(BenchmarkError, match="check that `nvidia-smi` lists it .* built for 13.0"):
        device(monkeypatch, SLURM_JOB_GPUS="0")
