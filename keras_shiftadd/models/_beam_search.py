"""Greedy and beam search over the next token of a sequence."""

from collections.abc import Callable
from typing import Any

import numpy as np

# (tokens (rows, 1), position, state) -> (log probabilities (rows, vocabulary), state)
Step = Callable[[Any, int, Any], tuple[Any, Any]]
# (state, rows) -> state: the state of other rows
Reorder = Callable[[Any, Any], Any]


def greedy_search(
    step: Step, state: Any, batch_size: int, start_id: int, end_id: int, max_length: int
) -> tuple[Any, Any]:
    """Takes the most probable token again and again.

    Args:
        step: Function that computes the log probabilities of the next tokens.
        state: What `step` needs at first.
        batch_size: Number of sequences.
        start_id: Token at which sequences begin.
        end_id: Token at which they end.
        max_length: Largest number of tokens, the end included.

    Returns:
        int32 array `(batch, tokens)`, 0 behind the end; and the log probabilities of the
        sequences, float64 `(batch,)`.
    """
    tokens = np.full((batch_size, 1), start_id, "int32")
    found = np.zeros((batch_size, max_length), "int32")
    totals = np.zeros(batch_size)
    ended = np.zeros(batch_size, bool)
    for position in range(max_length):
        scores, state = step(tokens, position, state)
        best = scores.argmax(-1)
        totals += np.where(ended, 0.0, scores[np.arange(batch_size), best])
        best = np.where(ended, 0, best)
        found[:, position] = best
        ended |= best == end_id
        if ended.all():
            break
        tokens = best[:, None].astype("int32")
    return found[:, : position + 1], totals


def beam_search(
    step: Step,
    reorder: Reorder,
    state: Any,
    batch_size: int,
    start_id: int,
    end_id: int,
    max_length: int,
    num_beams: int,
    length_penalty: float,
) -> tuple[Any, Any]:
    """Keeps the most probable beginnings, and returns the best complete sequence.

    Sequences are compared by their log probability divided by `((5 + length) / 6) **
    length_penalty`. A search ends when no unfinished beginning can become better than the best
    complete sequence.

    Args:
        step: As in `greedy_search`, for `batch_size * num_beams` rows.
        reorder: Function that takes the state of other rows.
        state: What `step` needs at first.
        batch_size: Number of sequences.
        start_id: Token at which sequences begin.
        end_id: Token at which they end.
        max_length: Largest number of tokens, the end included.
        num_beams: Number of beginnings that are kept for a sequence.
        length_penalty: Exponent of the length, from 0 on.

    Returns:
        As `greedy_search`; the second array has the scores after the division.
    """
    rows = batch_size * num_beams
    tokens = np.full((rows, 1), start_id, "int32")
    begun = np.zeros((batch_size, num_beams, 0), "int32")
    # All beams of a sequence begin alike: only the first may go on.
    totals = np.full((batch_size, num_beams), -np.inf)
    totals[:, 0] = 0.0
    best = np.zeros((batch_size, max_length), "int32")
    best_scores = np.full(batch_size, -np.inf)
    first_row = np.arange(batch_size)[:, None] * num_beams
    for position in range(max_length):
        scores, state = step(tokens, position, state)
        vocabulary = scores.shape[-1]
        candidates = totals[:, :, None] + scores.reshape(batch_size, num_beams, vocabulary)
        flat = candidates.reshape(batch_size, -1)
        # Twice as many, as each beam has one candidate that ends.
        order = np.argsort(-flat, axis=1, kind="stable")[:, : 2 * num_beams]
        values = np.take_along_axis(flat, order, 1)
        beams, words = order // vocabulary, order % vocabulary
        last = position + 1 == max_length
        divisor = ((5 + position + 1) / 6) ** length_penalty
        ends = (words == end_id) | last
        finished = np.where(ends, values / divisor, -np.inf)
        winner = finished.argmax(1)
        for sequence, choice in enumerate(winner):
            if finished[sequence, choice] > best_scores[sequence]:
                best_scores[sequence] = finished[sequence, choice]
                best[sequence] = 0
                best[sequence, :position] = begun[sequence, beams[sequence, choice]]
                best[sequence, position] = words[sequence, choice]
        if last:
            break
        values = np.where(words == end_id, -np.inf, values)
        kept = np.argsort(-values, axis=1, kind="stable")[:, :num_beams]
        totals = np.take_along_axis(values, kept, 1)
        beams, words = np.take_along_axis(beams, kept, 1), np.take_along_axis(words, kept, 1)
        begun = np.concatenate(
            [np.take_along_axis(begun, beams[..., None], 1), words[..., None]], axis=2
        ).astype("int32")
        reachable = totals.max(1) / ((5 + max_length) / 6) ** length_penalty
        if (reachable <= best_scores).all():
            break
        state = reorder(state, (first_row + beams).ravel())
        tokens = words.reshape(rows, 1).astype("int32")
    return best[:, : position + 1], best_scores
