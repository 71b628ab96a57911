"""What people read in the place of names: a variant's label, the phrases of concepts and wordings, a task's title."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import pandas as pd

from benchmark.frames import MEANS
from benchmark.marks import Marks
from benchmark.records import WHOLE, Task, Variant

AVERAGE = "Avg"


def worded(
    means: pd.DataFrame, metrics: Mapping[str, ModuleType], tasks: Mapping[str, Task], marks: Marks
) -> pd.DataFrame:
    """The frame of `summary.summarise` with the columns `label`, `phrase`, `text`, `title` and `direction`, too.

    Its columns are then those of `frames.MEANS`, in their order. `metrics` and `tasks` are those in it, by name.
    """
    variants = [Variant(*pair) for pair in zip(means.variant, means.checkpoint, strict=True)]
    asked = zip(means.task, means.asked, means.wording, strict=True)
    return means.assign(
        label=[f"{v}{marks.signs[experiment, v]}" for experiment, v in zip(means.experiment, variants, strict=True)],
        phrase=[_text(tasks[task], name, "") for task, name in zip(means.task, means.concept, strict=True)],
        text=[_text(tasks[task], name, wording) for task, name, wording in asked],
        title=[tasks[task].title for task in means.task],
        direction=[metrics[metric].DIRECTION[role] for metric, role in zip(means.metric, means.role, strict=True)],
    )[list(MEANS)]


def _text(task: Task, concept: str, wording: str) -> str:
    """The words that ask for a concept. A prompt set from a file may ask for others than the task's: by their names."""
    if concept == WHOLE:
        return AVERAGE
    phrases = {known.name: known.phrases for known in task.concepts}.get(concept, {"": concept})
    return phrases.get(wording, f"{phrases['']}, {wording}")
