# A benchmark of concept erasure in text-to-image diffusion models.
# snakemake --cores all                    the suite of config.yaml, to its tables and figures
# snakemake --cores all --profile slurm    the same on a cluster
# snakemake --cores all tables figures     the views again, from results/<suite>/scores.csv, without any model
#   (--config suite=<suite> with each of them, for another suite than config.yaml's)
import gc
import os
import sys

from snakemake.utils import min_version

from benchmark.plan import answered, grid
from benchmark.running import display
from benchmark.errors import ConfigError

# Every path of a run, of its inputs and of its jobs' modules is relative to the repository.
if not os.path.samefile(workflow.basedir, "."):
    sys.exit(f"error: {os.getcwd()} is not the repository: cd {workflow.basedir}, then the same without --directory")

min_version("9.20")
if workflow.resource_settings.cores == 0:
    sys.exit("error: --cores 0: no job would ever begin; give a number, or all")
gc.set_threshold(100_000)  # a plan is a million objects that stay: looking through them is a seventh of planning

# What people see of a run; jobs on nodes, dry runs and `--logger` show what Snakemake shows.
SCREEN = display.install() if workflow.is_main_process and not workflow.output_settings.dryrun else None


configfile: "config.yaml"


try:
    PLAN = grid.plan(config, tolerant=True)
    answered.check(PLAN)
except ConfigError as error:
    sys.exit(f"error: {error}")


include: "workflow/rules/common.smk"
include: "workflow/rules/course.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/classifiers.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/evidence.smk"
include: "workflow/rules/views.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        MEMORY,
        still_due(),
        "<results>/scores.csv",
        [f"<results>/{view}.{suffix}" for view in shown() for suffix in suffixes(view)],
