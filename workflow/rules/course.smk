# How a run begins and ends: what earlier ones have left, what people are told, and what is tidied up.
import shutil
import subprocess

from benchmark.running import due, trouble

# ── what an earlier run has planned and not made ──

# What each rule between the prompts and the numbers makes, by the name of its job.
MADE = {
    **{"base": "base.json", "gate": "gate.json", "embed": "embeddings.csv", "prompts": "prompts/{}.csv"},
    **{"erase": "models/{}/models.csv", "adopt_models": "models/{}/models.csv", "attack": "attacks/{}/prompts.csv"},
    **{"train_classifier": "classifiers/{}/card.json", "generate": "images/{}/manifest.csv"},
    **{"adopt_images": "images/{}/manifest.csv", "observe": "evidence/{}/evidence.csv"},
}


def still_due():
    """What earlier runs have left of this plan: as inputs of `all` they are made, and then what is made of them."""
    if any(word.partition("=")[0] == "--report" for word in sys.argv):
        return []
    of_plan = {f"{SUITE.folder}/{MADE[rule].format(name)}" for rule, name in CAUSES if rule in MADE}
    return [path for path in due.read(DUE) if path in of_plan]


# ── while it runs, and at its end ──

COMMAND = os.environ.get("TYPED") or shlex.join(["snakemake", *sys.argv[1:]])
PARTIAL = f"{SUITE.folder}/partial"
BROKEN = grid.faults(PLAN)

if SCREEN:  # what jobs say is in their logs, and their last line on the screen; here it would run through the bar
    shell.prefix("set -euo pipefail; exec > /dev/null; ")

if workflow.is_main_process:
    for problem in BROKEN:
        print(f"broken: {problem}: its jobs will fail, all others are run", file=sys.stderr)
    for view, why in PLAN.empty.items():
        print(f"left out: {view} {why}", file=sys.stderr)
    for problem in answered.missing(PLAN):
        print(f"missing: {problem}: jobs that need it will fail, all others are run", file=sys.stderr)


def jobs_of(rule):
    return [job for job in workflow.dag.jobs if job.rule.name == rule]


def seen():
    """The prompt sets and shards whose evidence stands: its job has ended well, or there was none to be done."""
    jobs = [job for job in jobs_of("observe") if workflow.dag.finished(job) or not workflow.dag.needrun(job)]
    return [(job.wildcards.set, job.wildcards.shard) for job in jobs]


onstart:
    workflow.scheduler.keepgoing = True  # one failed job does not stop the others: `--keep-going`
    if BROKEN and not workflow.local_exec:
        sys.exit(f"error: {BROKEN[0]}; nothing was sent to the cluster")
    due.add(DUE, [path for job in workflow.dag.needrun_jobs() for path in job.output])


onsuccess:
    due.settle(DUE)
    if SCREEN:
        SCREEN.finish()
    if jobs_of("score"):
        shutil.rmtree(PARTIAL, ignore_errors=True)
        if BROKEN:  # a job that reads such a file fails: there was none, so that its numbers are not of this file
            sys.exit(f"error: {'; '.join(BROKEN)}: its numbers are those of an earlier file")


onerror:
    due.settle(DUE)
    if SCREEN:
        SCREEN.finish()
    kept, lacking = grid.whole(PLAN, seen())
    stopped = trouble.stopped(Path(log[0]).read_text(errors="replace"))
    if workflow.local_exec and jobs_of("score") and kept and lacking and not stopped:
        evidence = [f"{SUITE.folder}/evidence/{name}/{shard}/evidence.csv" for name, shard in kept]
        prompts = [f"{SUITE.folder}/prompts/{name}.csv" for name in dict(kept)]
        command = ["-m", "benchmark.partial", "--suite", SUITE.name, "--out", PARTIAL, *NAMED]
        command += ["--prompts", *prompts, "--evidence", *evidence, "--lacking", *lacking]
        command += [word for path in embeddings() if os.path.exists(path) for word in ("--embeddings", path)]
        made = [path for path in traced() if os.path.exists(path)]
        command += ["--models", *made] if made else []
        subprocess.run([sys.executable, *command])
    trouble.main(Path(log[0]), COMMAND)
