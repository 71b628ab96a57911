"""What numbers and templates may be: those of suites, of tasks, and of methods' settings.

Methods share their words, so one table says by a setting's name what its values may be.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from benchmark.errors import ConfigError
from benchmark.plan import source
from benchmark.plan.records import PromptSet, Sampler

TIMESTEPS = 1000  # of the noise schedule of every Stable Diffusion; a sampler needs fewer steps than there are
INFINITE = float("inf")

# Where the seeds of each use lie: [first, first + count). Classifiers and methods never see noise that is evaluated.
SEEDS = {"evaluation": (4, 4996), "train": (100_000, 100_000), "pool": (200_000, 100_000)}

# The least and the most that a number may be, by the setting's whole name.
RANGES = {
    "steps": (1, INFINITE),
    "batch": (1, INFINITE),
    "inner_steps": (1, INFINITE),
    "denoise_steps": (1, TIMESTEPS - 1),
    "ema": (0, 1),
    "quantile": (0, 1),
    "weight_decay": (0, INFINITE),
    "delta_init": (0, INFINITE),
    "threshold": (0, 1),
    "sizes": (1, INFINITE),  # pixels
}
POSITIVE = {"lr", "clip"}  # more than 0, as the last word of a name: `delta_lr`
# Whole numbers that count something, as a word of a name: `inner_steps`, `batch_size`, `n_images`. At least 1, or the
# method's own default if that is less (`warmup_steps: int = 0`).
COUNTS = {"steps", "batch", "iterations", "iters", "epochs", "images", "samples", "rank", "repeats", "n", "num"}
SOME = {"classes"}  # lists that must not be empty
TEMPLATES = {"target", "perturbed", "template"}  # texts in which {c} stands for the concept; empty: the task's
PROMPTS = {"blank", "prompt", "negative", "text"}  # texts as they are, as the last word of a name
PLACE = "{c}"


def check(name: str, value: Any, default: Any, where: str) -> None:
    """Raise `ConfigError` beginning with `where` if a setting of this name must not have the value."""
    words = name.split("_")
    if isinstance(value, tuple):
        if name in SOME and not value:
            raise ConfigError(f"{where}: the list is empty; name at least one")
        for item in value:
            check(name, item, default[0] if default else item, where)
    elif isinstance(value, str):
        if name in TEMPLATES and value:
            template(value, where)
        elif name == "blank" or "prompt" in words:
            no_braces(value, where)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        least, most = RANGES.get(name, (-INFINITE, INFINITE))
        if name not in RANGES and isinstance(value, int) and COUNTS & set(words):
            least = min(1, default) if isinstance(default, (int, float)) else 1
        if not least <= value <= most:
            raise ConfigError(f"{where}: {value} is not {_range(least, most)}")
        if words[-1] in POSITIVE and value <= 0:
            raise ConfigError(f"{where}: {value} is not above 0")


def template(text: str, where: str) -> None:
    """Raise `ConfigError` unless a prompt has {c}, where the concept stands, and no other braces."""
    if PLACE not in text:
        raise ConfigError(f"{where} needs {PLACE} where the concept stands, and is {text!r}")
    no_braces(text.replace(PLACE, ""), where, text)


def no_braces(text: str, where: str, shown: str = "") -> None:
    """Raise `ConfigError` if a text has a brace; `shown` is what the message shows in its place."""
    if brace := re.search(r"\{[^{}]*\}|[{}]", text):
        allowed = f"only {PLACE}, where the concept stands, may have braces" if shown else "it takes no concept"
        raise ConfigError(f"{where}: {shown or text!r} has {brace[0]}, and {allowed}")


def _range(least: float, most: float) -> str:
    return f"at least {least}" if most == INFINITE else f"between {least} and {most}"


# ── suites and tasks ──


@dataclass(frozen=True)
class Budgets:
    """How many images are drawn, or rows taken.

    `erased` are those of the erased concept, `retained` those of each other one, `images_per_seed` of them from one
    noise seed; `pool` are those of each concept that methods train on, `train` those of each class of a classifier;
    `rows` is how many rows of a prompt set that is a file are used, if not all; `anchors` are those of each concept and
    anchor whose images are compared, in suites with a task that has anchors.
    """

    erased: int
    retained: int
    images_per_seed: int
    pool: int
    train: int
    rows: int | None = None
    anchors: int | None = None


def check_numbers(section: str, record: Budgets | Sampler, where: str) -> None:
    """Refuse what is not above 0."""
    for key, value in asdict(record).items():
        if isinstance(value, (int, float)) and value <= 0:
            raise ConfigError(f"{where}: {section}.{key}: {value} is not above 0")


def check_sampler(sampler: Sampler, where: str) -> None:
    if sampler.steps >= TIMESTEPS:
        raise ConfigError(f"{where}.steps: {sampler.steps} is not {_range(1, TIMESTEPS - 1)}")


def check_budgets(budgets: Budgets, where: str) -> None:
    for key in ("erased", "retained", "anchors"):
        if (getattr(budgets, key) or 0) % budgets.images_per_seed:
            raise ConfigError(f"{where}.{key}: {getattr(budgets, key)} is not a multiple of images_per_seed")
    if budgets.retained > budgets.erased:
        raise ConfigError(f"{where}.retained: {budgets.retained} is more than erased, {budgets.erased}")
    evaluated = budgets.erased // budgets.images_per_seed
    for use, key, count in (
        ("evaluation", "erased", evaluated),
        ("evaluation", "anchors", (budgets.anchors or 0) // budgets.images_per_seed),
        ("pool", "pool", budgets.pool),
        ("train", "train", budgets.train),
    ):
        if count > most_seeds(use):
            raise ConfigError(f"{where}.{key}: {count} seeds are needed for it, and there are {most_seeds(use)}")


def most_seeds(use: str) -> int:
    """How many seeds a concept can have: half of the numbers that there are, so that a hash soon finds a free one."""
    return SEEDS[use][1] // 2


def check_images(budgets: Budgets, prompt_set: PromptSet, retained: bool, where: str) -> None:
    """Refuse budgets with which the metrics of a prompt set could not be computed, or its classifier trained.

    `retained` says whether its rows ask for other concepts than the erased one. How many rows a file has, or a set
    that is scored as a whole, is not known here: `prompt_rows.of` refuses too few.
    """
    if prompt_set.source.task and prompt_set.score_by == "concept":
        key = "retained" if retained else "erased"
        if prompt_set.source.kind == "anchors":
            key = "anchors"
            if budgets.anchors is None:
                why = f"how many images of each concept and anchor are compared on prompt set {prompt_set.name}?"
                raise ConfigError(f"{where}: budgets.anchors is missing: {why}")
        images = getattr(budgets, key)
        for measure in prompt_set.measures:
            least = source.literal(f"benchmark/metrics/{measure.metric}.py", "LEAST", 1)
            if images < least:
                why = f"{measure.metric} of prompt set {prompt_set.name} needs {least} images"
                raise ConfigError(f"{where}: budgets.{key}: {images} is too few: {why}")
    if prompt_set.classifier and prompt_set.classifier.texts and budgets.train < 2:
        raise ConfigError(
            f"{where}: budgets.train: {budgets.train} is too few: the classifier of {prompt_set.name} needs 2 images of"
            " each class, one to learn from and one to be tested on"
        )
