"""The race by which the testbed's settings are chosen."""

from testbed.pilot import choose, contenders


def looks(*pairs: tuple[float, float | str], seconds: float = 1.0) -> list[dict]:
    return [{"erased": erased, "retained": retained, "seconds": seconds} for erased, retained in pairs]


def test_all_settings_start_and_one_that_left_something_does_not_go_on() -> None:
    assert contenders({"a": [], "b": []}, 4) == ["a", "b"]
    assert contenders({"a": looks((0, 0.5)), "b": looks((0.1, ""))}, 4) == ["a"]


def test_a_setting_that_could_not_win_even_with_perfect_trials_does_not_go_on() -> None:
    finished = looks((0, 0.9), (0, 0.9))
    assert contenders({"finished": finished, "behind": looks((0, 0.7))}, 2) == ["finished"]
    assert contenders({"finished": finished, "level": looks((0, 0.8))}, 2) == ["finished", "level"]


def test_if_all_left_something_the_one_that_left_least_and_went_farthest_is_taken_to_its_end() -> None:
    assert contenders({"a": looks((0.5, "")), "b": looks((0, 1.0), (0.2, "")), "c": looks((0.1, ""))}, 4) == ["b"]


def test_the_rule_takes_what_retains_most_of_those_that_left_nothing_then_the_quicker() -> None:
    trials = {"leaves": looks((0.01, "")), "slow": looks((0, 0.9), seconds=9), "quick": looks((0, 0.9), seconds=2)}
    assert choose(trials | {"retains less": looks((0, 0.8))}) == "quick"
    assert choose({"a": looks((0.3, "")), "b": looks((0.2, "")), "never run": []}) == "b"
    assert choose({"never run": []}) is None


def test_settings_tried_on_fewer_concepts_are_not_chosen() -> None:
    assert choose({"once": looks((0, 1.0)), "twice": looks((0, 0.6), (0, 0.6))}) == "twice"
