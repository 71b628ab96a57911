"""What people read in the place of names: a variant's label, the phrases of concepts and wordings, a task's title."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import pandas as pd

from benchmark.plan.records import WHOLE, PromptSet, Task, Variant
from benchmark.showing.marks import Marks
from benchmark.store.frames import MEANS

AVERAGE = "Avg"


def worded(
    means: pd.DataFrame,
    metrics: Mapping[str, ModuleType],
    tasks: Mapping[str, Task],
    sets: Mapping[str, PromptSet],
    marks: Marks,
) -> pd.DataFrame:
    """The frame of `summary.summarise` with the columns `label`, `phrase`, `text`, `title` and `direction`, too.

    Its columns are then those of `frames.MEANS`, in their order. `metrics`, `tasks` and `sets` are those in it, by
    name; `tasks` has those from whose concepts the sets are derived, too.
    """
    variants = [Variant(*pair) for pair in zip(means.variant, means.checkpoint, strict=True)]
    asked = [
        (tasks.get(sets[name].source.task), *pair)
        for name, *pair in zip(means.prompt_set, means.asked, means.wording, strict=True)
    ]
    return means.assign(
        label=[f"{v}{marks.signs[experiment, v]}" for experiment, v in zip(means.experiment, variants, strict=True)],
        phrase=[_text(tasks[task], concept, "") for task, concept in zip(means.task, means.concept, strict=True)],
        text=[_text(*each) for each in asked],
        title=[tasks[task].title for task in means.task],
        direction=[metrics[metric].DIRECTION[role] for metric, role in zip(means.metric, means.role, strict=True)],
    )[list(MEANS)]


def _text(task: Task | None, concept: str, wording: str) -> str:
    """The words that ask for a concept of a task; where a prompt set comes from a file and no task, its name there."""
    if concept == WHOLE:
        return AVERAGE
    if task is None:
        return f"{concept}, {wording}" if wording else concept
    return task.concept(concept).phrases[wording]
