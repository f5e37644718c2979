"""The Pareto front: which records no other one beats."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_shiftadd.tuners.pareto import pareto_front


def records(*points):
    """Records from (cost, score), named by their position."""
    return [
        {"trial_id": str(i), "score": score, "cost": {"flash": cost, "ram": 1}}
        for i, (cost, score) in enumerate(points)
    ]


def front(*points, **kwargs):
    return [record["trial_id"] for record in pareto_front(records(*points), "flash", **kwargs)]


def beats(one, other, sign=1.0):
    """The definition, for comparison."""
    score, cost = sign * one["score"], one["cost"]["flash"]
    other_score, other_cost = sign * other["score"], other["cost"]["flash"]
    return (
        score >= other_score and cost <= other_cost and (score, cost) != (other_score, other_cost)
    )


def test_a_record_that_is_worse_in_both_is_left_out():
    assert front((10, 0.5), (20, 0.4)) == ["0"]


def test_the_front_is_ordered_by_cost():
    assert front((30, 0.9), (10, 0.5), (20, 0.7)) == ["1", "2", "0"]


def test_a_dearer_record_of_equal_score_is_left_out():
    assert front((20, 0.5), (10, 0.5)) == ["1"]


def test_a_worse_record_of_equal_cost_is_left_out():
    assert front((10, 0.4), (10, 0.5)) == ["1"]


def test_records_equal_in_both_are_all_kept_in_their_order():
    assert front((10, 0.5), (5, 0.1), (10, 0.5)) == ["1", "0", "2"]


def test_a_score_to_minimize_turns_the_front_around():
    assert front((10, 0.5), (20, 0.4), (30, 0.6), maximize=False) == ["0", "1"]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_a_score_or_cost_that_is_no_number_takes_no_part(value):
    assert front((10, 0.5), (5, value), (value, 0.9)) == ["0"]


def test_a_record_without_costs_takes_no_part():
    failed = {"trial_id": "failed", "score": 0.9, "cost": None}
    (kept,) = records((10, 0.5))
    assert pareto_front([failed, kept], "flash") == [kept]


def test_the_records_themselves_come_back():
    given_records = records((10, 0.5))
    assert pareto_front(given_records, "flash")[0] is given_records[0]


def test_no_records_have_an_empty_front():
    assert pareto_front([], "flash") == []


def test_an_unknown_cost_is_refused_by_name():
    with pytest.raises(ValueError, match=r"cost_name='energy'.*\['flash', 'ram'\]"):
        pareto_front(records((10, 0.5)), "energy")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5).map(float)), max_size=12),
    st.booleans(),
)
def test_the_front_is_what_the_definition_says(points, maximize):
    made = records(*points)
    sign = 1.0 if maximize else -1.0
    wanted = [one for one in made if not any(beats(other, one, sign) for other in made)]
    found = pareto_front(made, "flash", maximize)
    assert sorted(r["trial_id"] for r in found) == sorted(r["trial_id"] for r in wanted)
