"""Whether every model of a run can be asked on every prompt set: rows are there, and a number would come of them.

Checked when planning: otherwise all images are drawn, and then tables cannot be made of them.
"""

from __future__ import annotations

from benchmark.errors import ConfigError
from benchmark.plan import grid, prompt_place, prompt_rows
from benchmark.plan.records import Prompt, PromptSet, Task
from benchmark.plan.suite import Suite


def check(plan: grid.Plan) -> None:
    """Raise `ConfigError` for the first prompt set of whose rows nothing could be said.

    A set whose file is not there is left out: its job says so, and who only draws views again may lack it.
    """
    for name, prompt_set in plan.sets.items():
        if prompt_place.absent(prompt_set, plan.suite.world, plan.files):
            continue
        rows = prompt_rows.of(prompt_set, plan.suite, plan.files)
        for task in plan.tasks.values():
            if name in task.sets and prompt_set.score_by == "concept":
                _check_roles(task, prompt_set, rows, plan.suite)


def missing(plan: grid.Plan) -> list[str]:
    """The files of prompt sets that are not there and that no job can make or fetch, a line each.

    Rows that an earlier run has written need no file any more.
    """
    lacking = {}
    for prompt_set in plan.sets.values():
        if prompt_rows.known(prompt_set, plan.suite, plan.files) is None:
            for each in prompt_place.absent(prompt_set, plan.suite.world, plan.files):
                if each.name in plan.files or not (each.source.file.made_by or each.source.file.hub):
                    lacking[each.name] = str(prompt_place.missing(each, plan.files))
    return list(lacking.values())


def _check_roles(task: Task, prompt_set: PromptSet, rows: tuple[Prompt, ...], suite: Suite) -> None:
    """Refuse a set on which a model of a task would have no number in any role that the task looks at."""
    where = f"benchmark/tasks/{task.name}.yaml: worlds.{task.world}"
    for concept in suite.erased(task.name):
        drawn = prompt_rows.of_model(rows, prompt_set, suite, concept)
        if not set(task.roles(prompt_set.name)) & {prompt_rows.role_of(row, concept) for row in drawn}:
            if prompt_set.name in task.erased_on:
                what = f"no row asks for {concept}, which is erased; such a set can be in retained_on"
            else:
                what = f"of {concept} erased, all rows ask for it, and none for what is retained; put it in erased_on"
            key = "erased_on" if prompt_set.name in task.erased_on else "retained_on"
            raise ConfigError(f"{where}.{key}: prompt set {prompt_set.name}: {what}")
