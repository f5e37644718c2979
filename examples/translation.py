"""Trains a transformer of shift, adder or ordinary layers on sentence pairs, and translates.

    python examples/translation.py --source train.en --target train.de \\
        --test-source test.en --test-target test.de --projection shift
    python examples/translation.py --quick       # made-up sentences: only checks that it runs

Any two text files (plain or .gz) will do whose lines are translations of each other. Without files
for the test, one pair in fifty is held back. Writes the model, the subwords, the translations with
their BLEU, and a picture of the attention. Needs `pip install "keras-shiftadd[translation]"`.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import sacrebleu
import translation_data as data
from keras import ops

import keras_shiftadd as ksa


class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy of logits, with a share of the labels spread over all tokens."""

    def __init__(self, smoothing: float = 0.1, **kwargs: Any) -> None:
        super().__init__(name="loss", **kwargs)
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each token."""
        scores = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        index = ops.expand_dims(ops.cast(y_true, "int32"), -1)
        own = ops.squeeze(ops.take_along_axis(scores, index, axis=-1), -1)
        return -(1 - self.smoothing) * own - self.smoothing * ops.mean(scores, axis=-1)


def make_model(size: int, options: argparse.Namespace) -> ksa.models.HybridTransformer:
    """A transformer with one vocabulary."""
    return ksa.models.HybridTransformer(
        size,
        embedding_dim=options.width,
        hidden_units=4 * options.width,
        num_heads=options.heads,
        encoder_operators=(options.encoder,) * options.layers,
        decoder_operators=(options.decoder,) * options.layers,
        projection=options.projection,
        feed_forward=options.feed_forward or options.projection,
        similarity=options.similarity,
        dropout=options.dropout,
        normalize_first=True,
        normalization_momentum=0.9,
        seed=options.seed,
    )


def train(
    model: ksa.models.HybridTransformer, batches: data.Batches, options: argparse.Namespace
) -> None:
    """Fits with Adam, whose rate warms up and falls along a cosine."""
    steps = options.epochs * len(batches)
    warm_up = max(1, steps // 20)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=options.rate, warmup_steps=warm_up
    )
    model.compile(
        keras.optimizers.Adam(rate, beta_2=0.98),
        SmoothedCrossentropy(),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    model.fit(batches, epochs=options.epochs, verbose=2)


def translate(
    model: ksa.models.HybridTransformer,
    subwords: data.Subwords,
    sentences: list[str],
    options: argparse.Namespace,
) -> list[str]:
    """Translates with beam search, sentences of like lengths together."""
    encoded = [subwords.encode(sentence) for sentence in sentences]
    order = np.argsort([len(tokens) for tokens in encoded])
    translations = [""] * len(sentences)
    for start in range(0, len(order), options.batch_size):
        chosen = order[start : start + options.batch_size]
        source = data.padded([encoded[i] for i in chosen])
        # A fixed number of rows, so that few shapes have to be compiled.
        rows = np.pad(source, ((0, options.batch_size - len(chosen)), (0, 0)), mode="edge")
        found = model.generate(
            rows,
            max_length=source.shape[1] + 16,
            start_id=data.START,
            end_id=data.END,
            num_beams=options.beams,
            length_penalty=options.length_penalty,
        )
        for i, tokens in zip(chosen, found, strict=False):
            translations[i] = subwords.decode(tokens)
    return translations


def attention(model: ksa.models.HybridTransformer, source: Any, target: Any) -> Any:
    """Scores of each decoder block's attention to the source: (blocks, targets, sources)."""
    encoded, mask = model.encode(source)
    x = model.target_embedding.embed(ops.convert_to_tensor(target, "int32"))
    maps = []
    for block in model.decoder_blocks:
        x, scores = block(x, encoded, encoder_outputs_mask=mask, return_attention_scores=True)
        maps.append(ops.convert_to_numpy(ops.cast(scores, "float32")).mean((0, 1)))
    return np.stack(maps)


def draw_attention(
    model: ksa.models.HybridTransformer,
    subwords: data.Subwords,
    sentence: str,
    translation: str,
    path: Path,
) -> None:
    """Draws which subwords of the source each one of the translation attends to."""
    import matplotlib

    matplotlib.use("Agg")  # files only
    from matplotlib import pyplot

    source, target = subwords.encode(sentence), subwords.encode(translation)
    maps = attention(model, np.array([source]), np.array([[data.START, *target[:-1]]]))
    figure, axes = pyplot.subplots(
        1, len(maps), figsize=(4.5 * len(maps), 4.5), layout="constrained", squeeze=False
    )
    for number, (axis, scores) in enumerate(zip(axes[0], maps, strict=True)):
        axis.imshow(scores, cmap="Greys", vmin=0, aspect="auto")
        axis.set_xticks(range(len(source)), subwords.pieces(source), rotation=90)
        axis.set_yticks(range(len(target)), subwords.pieces(target))
        axis.set_title(f"decoder block {number}, mean of the heads")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("source", "target", "test-source", "test-target"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--vocabulary", type=int, default=8000, help="subwords")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--layers", type=int, default=3, help="blocks of each side")
    parser.add_argument("--encoder", default="attention", help="operator of encoder blocks")
    parser.add_argument("--decoder", default="attention", help="operator of decoder blocks")
    parser.add_argument("--projection", choices=("dense", "shift", "adder"), default="shift")
    parser.add_argument("--feed-forward", choices=("dense", "shift", "adder", "mixture"))
    parser.add_argument("--similarity", choices=("dot", "laplacian"), default="dot")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--longest", type=int, default=60, help="subwords of a training sentence")
    parser.add_argument("--beams", type=int, default=4)
    parser.add_argument("--length-penalty", type=float, default=0.6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/translation"))
    parser.add_argument("--quick", action="store_true", help="a smoke run on made-up sentences")
    options = parser.parse_args(arguments)
    if options.quick:
        options.vocabulary, options.width, options.heads, options.layers = 100, 32, 2, 1
        options.epochs, options.batch_size, options.beams, options.dropout = 3, 16, 2, 0.0
    elif options.source is None or options.target is None:
        parser.error("--source and --target are needed, or --quick")
    if (options.test_source is None) != (options.test_target is None):
        parser.error("--test-source and --test-target go together")
    return options


def load(options: argparse.Namespace) -> tuple[data.Pairs, data.Pairs]:
    """Pairs for training and test."""
    if options.quick:
        return data.made_up_pairs(96, 0), data.made_up_pairs(8, 1)
    pairs = data.read_pairs(options.source, options.target)
    if options.test_source is not None:
        return pairs, data.read_pairs(options.test_source, options.test_target)
    return [p for i, p in enumerate(pairs) if i % 50], pairs[::50]


def main(arguments: list[str] | None = None) -> None:
    """Trains, translates, scores and draws."""
    options = parse_arguments(arguments)
    keras.utils.set_random_seed(options.seed)
    training, test = load(options)
    subwords = data.Subwords.learned(
        (sentence for pair in training for sentence in pair), options.vocabulary
    )
    encoded = [(subwords.encode(a), subwords.encode(b)) for a, b in training]
    kept = [pair for pair in encoded if max(map(len, pair)) <= options.longest]
    print(f"{len(kept)} pairs, {subwords.size} subwords, {len(test)} pairs for the test")
    model = make_model(subwords.size, options)
    start = time.perf_counter()
    train(model, data.Batches(kept, options.batch_size, options.seed), options)
    seconds = time.perf_counter() - start

    translations = translate(model, subwords, [source for source, _ in test], options)
    bleu = sacrebleu.metrics.BLEU()
    score = bleu.corpus_score(translations, [[target for _, target in test]])
    options.output.mkdir(parents=True, exist_ok=True)
    model.save(options.output / "model.keras")
    (options.output / "subwords.model").write_bytes(subwords.model)
    (options.output / "translations.txt").write_text("\n".join(translations) + "\n", "utf-8")
    result = {
        "bleu": score.score,
        "signature": str(bleu.get_signature()),
        "training_seconds": seconds,
        "parameters": model.count_params(),
    }
    (options.output / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    draw_attention(model, subwords, test[0][0], translations[0], options.output / "attention.png")
    print(f"{test[0][0]} -> {translations[0]}")
    print(f"BLEU {score.score:.1f} ({bleu.get_signature()}), trained for {seconds:.0f} s")
    print(f"Model, translations and picture: {options.output}")


if __name__ == "__main__":
    main()
