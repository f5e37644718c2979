"""Sentence pairs of the translation example: text files, subwords, batches of like lengths."""

import gzip
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import sentencepiece

PAD, START, END, UNKNOWN = range(4)
Pairs = list[tuple[str, str]]


def read_pairs(source: Path, target: Path) -> Pairs:
    """Reads two text files, plain or .gz, whose lines are translations of each other.

    Raises:
        ValueError: The files have not as many lines.
    """
    sides = [_lines(path) for path in (source, target)]
    if len(sides[0]) != len(sides[1]):
        raise ValueError(
            "Each line of one file must be the translation of that line of the other. "
            f"Received: {len(sides[0])} lines in {source}, {len(sides[1])} in {target}."
        )
    return [(a, b) for a, b in zip(*sides, strict=True) if a and b]


def _lines(path: Path) -> list[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return [line.strip() for line in file]


def made_up_pairs(count: int, seed: int) -> Pairs:
    """Sentences of a small grammar and their German forms, for a run without any data."""
    subjects = {"a dog": "ein Hund", "a man": "ein Mann", "a child": "ein Kind"}
    verbs = {"sees": "sieht", "finds": "findet", "paints": "malt"}
    objects = {"a house": "ein Haus", "a book": "ein Buch", "a horse": "ein Pferd"}
    places = {"today": "heute", "in the garden": "im Garten", "at night": "nachts"}
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        words = [list(part.items())[rng.integers(3)] for part in (subjects, verbs, objects, places)]
        subject, verb, thing, place = words
        english = f"{subject[0]} {verb[0]} {thing[0]} {place[0]}."
        # German puts what stands first before the verb, and the subject behind it.
        german = f"{place[1]} {verb[1]} {subject[1]} {thing[1]}."
        pairs.append((english, german[0].upper() + german[1:]))
    return pairs


class Subwords:
    """One vocabulary of subwords for both languages.

    Args:
        model: A serialised SentencePiece model.
    """

    def __init__(self, model: bytes) -> None:
        self.model = model
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)

    @classmethod
    def learned(cls, sentences: Iterable[str], size: int) -> "Subwords":
        """Learns byte-pair encodings, `size` of them or as many as there are."""
        written = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=written,
            model_type="bpe",
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            pad_id=PAD,
            bos_id=START,
            eos_id=END,
            unk_id=UNKNOWN,
            minloglevel=2,
        )
        return cls(written.getvalue())

    @property
    def size(self) -> int:
        """Number of subwords, padding and marks included."""
        return int(self._processor.get_piece_size())

    def encode(self, sentence: str) -> list[int]:
        """The subwords of a sentence, and the mark of its end."""
        return [*self._processor.encode(sentence), END]

    def decode(self, tokens: Sequence[int]) -> str:
        """The sentence of some subwords."""
        kept = [int(token) for token in tokens if token not in (PAD, START, END)]
        return str(self._processor.decode(kept))

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        """The texts of subwords."""
        return [self._processor.id_to_piece(int(token)) for token in tokens]


def padded(sequences: Sequence[Sequence[int]], multiple: int = 8, shortest: int = 0) -> Any:
    """Pads to the longest, rounded up so that few shapes have to be compiled."""
    length = max(shortest, *map(len, sequences))
    length += -length % multiple
    return np.array([[*s, *[PAD] * (length - len(s))] for s in sequences], "int32")


class Batches(keras.utils.PyDataset):
    """Batches of sentences of like lengths, in a new order each epoch.

    Args:
        pairs: Subwords of source and target.
        batch_size: Sentences a batch.
        seed: Seed of the order.
        multiple: What lengths are rounded up to.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[list[int], list[int]]],
        batch_size: int,
        seed: int,
        multiple: int = 8,
    ) -> None:
        super().__init__()
        self.pairs, self.batch_size, self.multiple = pairs, batch_size, multiple
        self._rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Draws a new order."""
        # Sentences of one length stay in a random order, and so do batches.
        lengths = [max(map(len, pair)) + self._rng.random() for pair in self.pairs]
        order = np.argsort(lengths)
        size = self.batch_size
        batches = [order[i : i + size] for i in range(0, len(order), size)]
        # Keras takes a length for fixed that the first two batches have in common: the longest and
        # the shortest have it in common only where all have.
        first, between = [batches[-1], *batches[:-1][:1]], batches[1:-1]
        self._rng.shuffle(between)
        self._batches = first + between

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        chosen = [self.pairs[i] for i in self._batches[index]]
        longest = max(len(side) for pair in chosen for side in pair)
        source, target = (
            padded(sides, self.multiple, longest) for sides in zip(*chosen, strict=True)
        )
        before = np.pad(target[:, :-1], ((0, 0), (1, 0)), constant_values=START)
        return (source, before), target
