"""A real SLURM on this machine, for tests: a controller and two nodes with two pretended GPUs each, on 127.0.0.1 only.

    python tests/slurm/cluster.py       start it, say how to use it, stop it on Ctrl-C

Everything lies in one temporary folder and ends with the process that started it, by the ids of its own processes. The
one thing outside is a link, /run/slurm/conf/slurm.conf: the Snakemake plugin hides SLURM_CONF from `srun`, which then
looks there. Nothing confines jobs to their CPUs or GPUs, since cgroups are not used; memory is watched once a second.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

NODES = ("n1", "n2")
GPUS = 2  # per node
LINK = Path("/run/slurm/conf/slurm.conf")
PACKAGES = {"munged": "munge", "slurmctld": "slurmctld", "slurmd": "slurmd", "sinfo": "slurm-client"}

# Sizes are declared, not real: requests of the profile for real clusters must fit. A requeued job may start after
# `cred_expire` seconds; a node is given up after SlurmdTimeout.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/spool/slurmctld.pid
SlurmdPidFile={folder}/spool/%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/%n.log
AccountingStorageType=accounting_storage/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={folder}/prolog
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SchedulerParameters=batch_sched_delay=0,bf_interval=2
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=5
MinJobAge=600
JobRequeue=1
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
{nodes}
PartitionName=gpu Nodes=ALL Default=YES DefaultTime=60 MaxTime=INFINITE State=UP
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=16 RealMemory=128000 Gres=gpu:{gpus}"


def missing() -> list[str]:
    """What this machine lacks for it, each as a sentence; an empty list if nothing."""
    absent = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    wrong = []
    if absent:
        wrong.append(f"missing: apt-get update && apt-get install --no-install-recommends {' '.join(absent)}")
    if os.getuid() != 0:
        wrong.append("not root: slurmd starts jobs of other users")
    if not socket.gethostbyname(socket.gethostname()).startswith("127."):
        wrong.append(f"the host name is not local: echo 127.0.0.1 {socket.gethostname()} >> /etc/hosts")
    if Path("/etc/slurm/slurm.conf").exists():
        wrong.append("/etc/slurm/slurm.conf exists: this machine belongs to another cluster")
    if LINK.exists():
        wrong.append(f"{LINK} exists: another test cluster is up")
    return wrong


class Cluster:
    """The cluster, up within `with`. `environment` is what its commands and Snakemake need."""

    def __init__(self, port: int = 27817):
        self.port, self.processes = port, {}
        self.folder = Path(tempfile.mkdtemp(prefix="test-cluster-"))
        self.configuration = self.folder / "slurm.conf"
        self.environment = {**os.environ, "SLURM_CONF": str(self.configuration)}

    def __enter__(self) -> Cluster:
        self.folder.chmod(0o755)
        for name in ("munge", "state", "spool", "log", "gpu"):
            (self.folder / name).mkdir(mode=0o755)
        host = socket.gethostname().partition(".")[0]
        nodes = [
            NODE.format(name=name, host=host, port=self.port + 1 + index, gpus=GPUS) for index, name in enumerate(NODES)
        ]
        self.configuration.write_text(
            CONFIGURATION.format(host=host, port=self.port, folder=self.folder, nodes="\n".join(nodes))
        )
        prolog = self.folder / "prolog"  # a job whose GPU is pretended says that it computes on the CPU
        prolog.write_text("#!/bin/sh\necho export CUDA_VISIBLE_DEVICES=-1\n")
        prolog.chmod(0o755)
        lines = []
        for name in NODES:
            for index in range(GPUS):
                (self.folder / f"gpu/{name}-{index}").symlink_to("/dev/null")
            lines.append(f"NodeName={name} Name=gpu File={self.folder}/gpu/{name}-[0-{GPUS - 1}]\n")
        (self.folder / "gres.conf").write_text("".join(lines))
        key = self.folder / "munge/key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))
        LINK.parent.mkdir(parents=True, exist_ok=True)
        LINK.symlink_to(self.configuration)
        try:
            self._start_all()
        except BaseException:
            self.stop()
            raise
        return self

    def _start_all(self) -> None:
        munge = self.folder / "munge"
        files = [f"--{name}-file={munge}/{name}" for name in ("key", "pid", "log", "seed")]
        self._start("munged", "munged", "--foreground", "--force", f"--socket={munge}/socket", *files)
        wait_until(lambda: (munge / "socket").exists(), 10, "munge's socket")
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        wait_until(lambda: self.states() == dict.fromkeys(NODES, "idle"), 30, "two idle nodes")

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Cancel all jobs, end the daemons, then what jobs have left behind; remove the folder and the link."""
        if "slurmctld" in self.processes:
            self.ask("scancel", *self.jobs(), check=False)
            wait_until(lambda: not self.jobs(), 10, "an empty queue", check=False)
        for process in reversed(self.processes.values()):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for node in NODES:
            for pid in self.processes_of(node):
                _kill(pid)
        if LINK.is_symlink() and os.readlink(LINK) == str(self.configuration):
            LINK.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"log/{name}.out").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, stdout=log, stderr=log, env=self.environment, cwd=self.folder, start_new_session=True
            )

    def start_controller(self) -> None:
        self._start("slurmctld", "slurmctld", "-D", "-f", str(self.configuration))
        wait_until(lambda: "is UP" in self.ask("scontrol", "ping", check=False), 20, "the controller")

    def stop_controller(self) -> None:
        process = self.processes.pop("slurmctld")
        process.terminate()
        process.wait()

    def start_node(self, name: str) -> None:
        (self.folder / f"spool/{name}").mkdir(exist_ok=True)
        self._start(name, "slurmd", "-D", "-N", name, "-f", str(self.configuration))

    def crash(self, name: str) -> None:
        """A power cut: the node's daemon and every process of its jobs are gone at once."""
        for _ in range(3):  # a process may have started another one meanwhile
            for pid in self.processes_of(name):
                _kill(pid)
            time.sleep(0.1)
        self.processes.pop(name).wait()

    def processes_of(self, node: str) -> Iterator[int]:
        """The daemons of a node, known by the log that they hold open, and its jobs, known by their environment."""
        log, marks = (
            str(self.folder / f"log/{node}.log"),
            {f"SLURM_CONF={self.configuration}", f"SLURMD_NODENAME={node}"},
        )
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "exe").rpartition("/")[2].startswith(("slurmd", "slurmstepd")):
                    ours = any(os.readlink(handle) == log for handle in (process / "fd").iterdir())
                else:
                    ours = marks <= set((process / "environ").read_text(errors="replace").split("\0"))
            except OSError:
                continue  # has ended, or is the kernel's
            if ours:
                yield int(process.name)

    def ask(self, *command: str, check: bool = True) -> str:
        """What a command of SLURM says."""
        end = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        if check and end.returncode:
            raise RuntimeError(f"{' '.join(command)}: {end.stderr.strip()}")
        return end.stdout

    def states(self) -> dict[str, str]:
        lines = self.ask("sinfo", "--noheader", "--Node", "--format=%N %t", check=False).splitlines()
        return dict(line.split() for line in lines)

    def jobs(self, *options: str) -> list[str]:
        """The ids of the jobs in the queue."""
        return self.ask("squeue", "--noheader", "--format=%i", *options, check=False).split()

    def where(self) -> dict[str, tuple[str, str]]:
        """Of each running job the node and the indices of its GPUs; `-` for none."""
        places = {}
        for line in self.ask("scontrol", "--details", "--oneliner", "show", "jobs", check=False).splitlines():
            words = dict(word.partition("=")[::2] for word in line.split())
            if words.get("JobState") == "RUNNING":
                index = words.get("GRES", "").partition("IDX:")[2].rstrip(")")
                places[words["JobId"]] = (words.get("NodeList", "-"), index or "-")
        return places


def wait_until(holds: Callable[[], bool], seconds: float, what: str, check: bool = True) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            if check:
                raise TimeoutError(f"{what}: not within {seconds:g} s")
            return False
        time.sleep(0.1)
    return True


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    if missing():
        raise SystemExit("\n".join(missing()))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Cluster() as cluster:
        print(f"up; use it with:  export SLURM_CONF={cluster.configuration}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("stopping")
