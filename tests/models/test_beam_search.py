"""Greedy and beam search against all sequences of a small vocabulary."""

import itertools

import numpy as np
import pytest

from keras_shiftadd.models._beam_search import beam_search, greedy_search

START, END, VOCABULARY, LENGTH = 1, 2, 5, 4

pytestmark = pytest.mark.once


@pytest.fixture
def tables(rng):
    """For two sequences: log probabilities (position, last token, next token)."""
    scores = rng.normal(size=(2, LENGTH, VOCABULARY, VOCABULARY)) * 2
    scores[..., 0] = -np.inf
    return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


def step_of(tables):
    def step(tokens, position, state):
        return tables[state, position, tokens[:, 0]], state

    return step


def reorder(state, rows):
    return state[rows]


def score(table, sequence):
    tokens = [START, *sequence]
    return sum(table[i, a, b] for i, (a, b) in enumerate(itertools.pairwise(tokens)))


def all_sequences():
    """Every sequence up to its end, or to the largest length."""
    for length in range(1, LENGTH + 1):
        for body in itertools.product([1, 3, 4], repeat=length - 1):
            yield (*body, END)
    for body in itertools.product([1, 3, 4], repeat=LENGTH):
        yield body


def padded(sequence):
    return [*sequence, *[0] * (LENGTH - len(sequence))]


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.5])
def test_many_beams_find_the_best_of_all_sequences(tables, length_penalty):
    beams = VOCABULARY**LENGTH
    found, scores = beam_search(
        step_of(tables),
        reorder,
        np.repeat([0, 1], beams),
        2,
        START,
        END,
        LENGTH,
        beams,
        length_penalty,
    )
    for row, table in enumerate(tables):
        penalized = {
            sequence: score(table, sequence) / ((5 + len(sequence)) / 6) ** length_penalty
            for sequence in all_sequences()
        }
        best = max(penalized, key=penalized.get)
        assert list(found[row]) == padded(best)[: found.shape[1]]
        np.testing.assert_allclose(scores[row], penalized[best])


def test_greedy_search_takes_the_best_token_each_time(tables):
    found, totals = greedy_search(step_of(tables), np.array([0, 1]), 2, START, END, LENGTH)
    for row, table in enumerate(tables):
        sequence, token = [], START
        while len(sequence) < LENGTH and token != END:
            token = int(table[len(sequence), token].argmax())
            sequence.append(token)
        assert list(found[row]) == padded(sequence)[: found.shape[1]]
        np.testing.assert_allclose(totals[row], score(table, sequence))


def test_two_beams_are_never_worse_than_their_own_beginning(tables):
    found, scores = beam_search(
        step_of(tables), reorder, np.repeat([0, 1], 2), 2, START, END, LENGTH, 2, 0.0
    )
    for row, table in enumerate(tables):
        sequence = [int(token) for token in found[row] if token]
        np.testing.assert_allclose(scores[row], score(table, sequence))
