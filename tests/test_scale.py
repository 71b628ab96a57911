"""The simulated schedule, against cases that are worked out by hand."""

import pytest

from benchmark import grid
from benchmark.scale import Job, Speed, jobs, longest, simulate

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
    """All erasers, nine concepts, three seeds, 2,250 images each, of two tasks; two controls; judge and pools."""
    suite = grid.plan({"suite": "paper"})
    work = jobs(suite, Speed(image=1, erase=0, look=0))
    erasers = [label for label in suite.suite.experiments["style"].methods if grid.per_concept(label)]
    evaluation = 2 * 2250 * (len(erasers) * 9 * 3 + 2)
    judge, pools = 10 * 1000, 2 * 9 * 200
    assert sum(job.seconds for job in work.values()) == evaluation + judge + pools
    assert work["train style"].priority == 1 and work["generate style/original/seed0/all"].priority == 1
