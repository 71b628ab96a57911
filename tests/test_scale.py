"""The simulated schedule, against cases that are worked out by hand."""

import pytest

from benchmark.plan import causes, grid, variants
from benchmark.plan.records import Variant
from benchmark.tools.scale import Job, Speed, jobs, longest, simulate

CHAIN = {"a": Job(2), "b": Job(1), "c": Job(4, ("a",)), "d": Job(1, ("b", "c"))}  # a, c, d: 7 seconds


@pytest.mark.parametrize(("gpus", "seconds"), [(1, 8), (2, 7), (64, 7)])
def test_a_schedule_is_as_long_as_its_work_or_its_longest_chain(gpus, seconds):
    assert simulate(CHAIN, gpus) == seconds
    assert longest(CHAIN, "d") == 7


def test_who_has_priority_goes_first():
    short = Job(1)
    assert simulate({"x": short, "y": short, "z": Job(3)}, 2) == 4  # z starts when x ends
    assert simulate({"x": short, "y": short, "z": Job(3, priority=1)}, 2) == 3


def test_the_papers_volumes_are_those_that_it_says_by_arithmetic():
    """All erasers, nine concepts, three seeds, 2,250 images each, of two tasks; two controls; a classifier, pools."""
    plan = grid.plan({"suite": "paper", "experiments": "style, object"})
    names = plan.suite.experiments["style"].variants
    erasers = [name for name in names if not variants.control(Variant(name))]
    assert len(erasers) == 10 and len(names) == 12
    work = jobs(plan, Speed(image=1, erase=0, look=0))
    evaluation = 2 * 2250 * (10 * 9 * 3 + 2)
    classifier, pools = 10 * 1000, 2 * 9 * 200
    assert sum(job.seconds for job in work.values()) == evaluation + classifier + pools
    erased = jobs(plan, Speed(image=0, erase=1, look=0))
    assert sum(job.seconds for job in erased.values()) == 2 * (10 * 9 * 3 + 1), "each once, and a control"
    first = {name for name, job in work.items() if job.priority}
    assert first == {name for name in work if name.endswith("/original")} | {"train_classifier style"}


def test_the_anchor_studys_volume_is_that_which_it_says_by_arithmetic():
    """13 anchors, nine concepts, three seeds and a control, on 2,250 images of each of two sets, of two tasks; 1,000
    images of each concept and of its five anchors."""
    both = {"suite": "paper", "experiments": ["style", "object"]}
    whole, tables = (
        sum(job.seconds for job in jobs(grid.plan(config), Speed(image=1, erase=0, look=0)).values())
        for config in (
            {"suite": "paper", "experiments": [*both["experiments"], "anchors_style", "anchors_object"]},
            both,
        )
    )
    assert whole - tables == 2 * (13 * 9 * 3 + 1) * 2 * 2250 + 2 * 9 * 6 * 1000 + 2 * 9 * 200


def test_work_is_named_as_causes_name_the_jobs_that_it_stands_for():
    plan = grid.plan({"suite": "testbed"})
    named = {" ".join(job) for job in causes.jobs(plan)}
    shipped = "train_classifier object"  # it only gets a card
    wanted = {name for name in named if name.split()[0] in ("generate", "observe", "erase", "train_classifier")}
    work = jobs(plan, Speed(image=1, erase=1, look=1))
    assert work.keys() == {name for name in wanted if name not in (shipped, "train_classifier portrait")}
    assert all(before in work for job in work.values() for before in job.after)
