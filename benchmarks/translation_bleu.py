"""BLEU against energy of small transformers: dense, shift, adder, Laplacian, and a searched hybrid.

    python benchmarks/translation_bleu.py --source train.en --target train.de \\
        --val-source val.en --val-target val.de --test-source test.en --test-target test.de \\
        --json translation.json
    python benchmarks/translation_bleu.py --quick    # made-up sentences: only checks that it runs
    python benchmarks/translation_bleu.py --render translation.json

All networks are trained with one recipe for as many epochs. The hybrid is what `HybridTuner` finds
in a `TranslationSpace` within a share of the energy of the dense network; it is then trained anew
as the others are, and so are networks of one operator with fewer channels, which take as much or
a little less. Energies are those of one pair of `--length` tokens each, int8, fair accounting. What
the JSON file holds is not measured again: a run that was stopped goes on, also in the middle of a
search. Files are plain or .gz.
"""

import argparse
import json
import pathlib
import shutil
import sys
import time
from typing import Any

import commands
import machine

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "examples"))

# Arguments of `HybridTransformer` that differ from network to network.
NETWORKS: dict[str, dict[str, str]] = {
    "dense": {},
    "shift": {"projection": "shift", "feed_forward": "shift"},
    "adder": {"projection": "adder", "feed_forward": "adder"},
    "laplacian": {"similarity": "laplacian"},
    "laplacian shift": {"similarity": "laplacian", "projection": "shift", "feed_forward": "shift"},
}
# With as many channels as the energy of the searched network allows.
SMALL = {f"small {name}": NETWORKS[name] for name in ("dense", "shift", "adder")}
SEARCHED = "hybrid"


class Task:
    """The sentences, their subwords, and what is done with networks on them."""

    def __init__(self, options: argparse.Namespace) -> None:
        import translation_data as data

        self.options = options
        if options.quick:
            counts = (("training", 96), ("validation", 16), ("test", 8))
            pairs = {name: data.made_up_pairs(n, i) for i, (name, n) in enumerate(counts)}
        else:
            pairs = {
                "training": data.read_pairs(options.source, options.target),
                "validation": data.read_pairs(options.val_source, options.val_target),
                "test": data.read_pairs(options.test_source, options.test_target),
            }
        sentences = (sentence for pair in pairs["training"] for sentence in pair)
        self.subwords = data.Subwords.learned(sentences, options.vocabulary)
        self.test = pairs["test"]
        self.encoded = {}
        for name in ("training", "validation"):
            both = [
                tuple(self.subwords.encode(sentence) for sentence in pair) for pair in pairs[name]
            ]
            self.encoded[name] = [pair for pair in both if max(map(len, pair)) <= options.longest]

    def arrays(self, name: str) -> tuple[tuple[Any, Any], Any]:
        """Inputs and targets of one length."""
        import numpy as np
        import translation_data as data

        size = self.options.longest
        source, target = (
            np.array([[*side, *[data.PAD] * (size - len(side))] for side in sides], "int32")
            for sides in zip(*self.encoded[name], strict=True)
        )
        before = np.pad(target[:, :-1], ((0, 0), (1, 0)), constant_values=data.START)
        return (source, before), target

    def network(self, width: int, **arguments: Any) -> Any:
        """A transformer with one operator throughout."""
        import keras_shiftadd as ksa

        options = self.options
        return ksa.models.HybridTransformer(
            self.subwords.size,
            embedding_dim=width,
            hidden_units=4 * width,
            num_heads=self.heads(width),
            encoder_operators=("attention",) * options.layers,
            decoder_operators=("attention",) * options.layers,
            dropout=options.dropout,
            normalize_first=True,
            normalization_momentum=0.9,
            **arguments,
        )

    def heads(self, width: int) -> int:
        """How many heads share so many channels."""
        return max(1, width // self.options.key_dim)

    def energy(self, model: Any) -> float:
        """Energy of a pair in microjoules."""
        from keras_shiftadd.cost import estimate

        shapes = [(self.options.length,)] * 2
        return float(estimate(model, input_shape=shapes).energy_uj)

    def space(self) -> Any:
        """The networks up to the size of the dense one, with all operators."""
        import keras_shiftadd as ksa

        options = self.options
        width, heads = options.width, max(2, options.width // options.key_dim)
        return ksa.tuners.TranslationSpace(
            self.subwords.size,
            embedding_dims=(width // 2, width * 3 // 4, width),
            hidden_units=(width, 2 * width, 4 * width),
            num_heads=(heads // 2, heads),
            encoder_depths=tuple(range(1, options.layers + 1)),
            decoder_depths=tuple(range(1, options.layers + 1)),
            key_dim=options.key_dim,
            dropout=options.dropout,
            source_length=options.length,
            target_length=options.length,
        )

    def small_width(self, most: float, arguments: dict[str, str]) -> int:
        """Channels of the largest network with one operator within an energy."""
        step = max(1, self.options.key_dim // 4)
        widths = range(step, self.options.width + 1, step)
        whole = [w for w in widths if w % self.heads(w) == 0]
        energies = {w: self.energy(self.network(w, **arguments)) for w in whole}
        return max(w for w, energy in energies.items() if w == step or energy <= most)

    def train_and_score(self, model: Any, seed: int) -> dict[str, float]:
        """Trains a network and translates the test."""
        import keras
        import sacrebleu
        import translation as example
        import translation_data as data

        options = argparse.Namespace(**{**vars(self.options), "beams": 4, "length_penalty": 0.6})
        keras.utils.set_random_seed(seed)
        batches = data.Batches(self.encoded["training"], options.batch_size, seed, multiple=4)
        example.train(model, batches, options)
        found = example.translate(model, self.subwords, [a for a, _ in self.test], options)
        bleu = sacrebleu.corpus_bleu(found, [[b for _, b in self.test]]).score
        return {"bleu": bleu, "energy_uj": self.energy(model)}

    def search(self, dense_energy: float) -> dict[str, Any]:
        """The architecture that a search within the budget finds."""
        import keras_tuner

        import keras_shiftadd as ksa

        options, space = self.options, self.space()
        budget = ksa.cost.Budget(energy_uj=options.share * dense_energy)
        tuner = ksa.tuners.HybridTuner(
            space,
            objective=keras_tuner.Objective("val_loss", "min"),
            budget=budget,
            max_trials=options.trials,
            supernet=ksa.tuners.TranslationSupernet(space, random_networks=1, seed=0),
            batch_size=options.batch_size,
            directory=options.directory,
            project_name="search",
        )
        x, y = self.arrays("training")
        start = time.perf_counter()
        validation = self.arrays("validation")
        tuner.search(x, y, validation_data=validation, epochs=options.search_epochs, verbose=2)
        return {
            "architecture": tuner.best_architectures()[0],
            "trials": len(tuner.history()),
            "seconds": time.perf_counter() - start,
        }


def measure(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Adds what is missing."""
    import keras

    names = ("vocabulary", "width", "layers", "key_dim", "epochs", "search_epochs", "trials")
    names += ("batch_size", "rate", "dropout", "longest", "length", "share", "quick")
    commands.keep_setting(options, figures, {name: getattr(options, name) for name in names})
    runs = figures.setdefault("runs", {})
    task = Task(options)

    def run(name: str, seed: int, make: Any) -> None:
        if str(seed) in runs.setdefault(name, {}):
            return
        keras.utils.set_random_seed(seed)
        runs[name][str(seed)] = result = task.train_and_score(make(), seed)
        machine.write(options.json, figures)
        print(f"{name}, seed {seed}: {result}", file=sys.stderr, flush=True)

    dense_energy = task.energy(task.network(options.width))
    for seed in options.seeds:
        for name in options.networks:
            if name in NETWORKS:
                run(name, seed, lambda name=name: task.network(options.width, **NETWORKS[name]))
            elif name in SMALL:
                widths = figures.setdefault("small_widths", {})
                if name not in widths:
                    most = options.share * dense_energy
                    widths[name] = task.small_width(most, SMALL[name])
                width = widths[name]
                run(name, seed, lambda n=name, width=width: task.network(width, **SMALL[n]))
            else:
                if "search" not in figures:
                    figures["search"] = task.search(dense_energy)
                    machine.write(options.json, figures)
                architecture = figures["search"]["architecture"]
                run(name, seed, lambda found=architecture: task.space().build(found))


def lines(figures: dict[str, Any]) -> list[str]:
    """A Markdown table of the runs."""
    from search_statistics import mean_and_deviation

    runs = figures["runs"]
    dense = runs.get("dense", {})
    table = [
        "| network | seeds | BLEU | beside dense | energy, µJ | share of dense |",
        "|---|---|---|---|---|---|",
    ]
    for name, seeds in runs.items():
        values = list(seeds.values())
        if not values:
            continue
        both = sorted(set(seeds) & set(dense), key=int)
        gap = sum(seeds[s]["bleu"] - dense[s]["bleu"] for s in both) / len(both) if both else None
        energy = values[0]["energy_uj"]
        share = energy / next(iter(dense.values()))["energy_uj"] if dense else None
        table.append(
            f"| {name} | {len(values)} | "
            f"{mean_and_deviation([value['bleu'] for value in values], digits=1)} | "
            f"{'-' if gap is None or name == 'dense' else f'{gap:+.1f}'} | {energy:.2f} | "
            f"{'-' if share is None else f'{share:.2f}'} |"
        )
    if "search" in figures:
        table += ["", f"hybrid: `{json.dumps(figures['search']['architecture'])}`"]
    return table


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("source", "target", "val-source", "val-target", "test-source", "test-target"):
        parser.add_argument(f"--{name}", type=pathlib.Path)
    every = [*NETWORKS, *SMALL, SEARCHED]
    parser.add_argument("--networks", nargs="+", choices=every, default=every)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--vocabulary", type=int, default=2000, help="subwords")
    parser.add_argument("--width", type=int, default=128, help="channels of the dense network")
    parser.add_argument("--key-dim", type=int, default=32, help="size of a head")
    parser.add_argument("--layers", type=int, default=2, help="blocks of each side")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--search-epochs", type=int, default=3, help="of the supernet")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--share", type=float, default=0.5, help="of the energy, for the search")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--longest", type=int, default=32, help="subwords of a training sentence")
    parser.add_argument("--length", type=int, default=16, help="tokens that energies are for")
    parser.add_argument(
        "--directory", type=pathlib.Path, default="runs/translation_search", help="of the search"
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run on made-up sentences")
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.vocabulary, options.width, options.key_dim, options.layers = 100, 32, 8, 1
        options.epochs, options.search_epochs, options.trials, options.batch_size = 2, 1, 3, 16
        options.seeds, options.longest, options.directory = [0], 24, pathlib.Path("runs/quick")
        shutil.rmtree(options.directory, ignore_errors=True)
    elif not options.render and None in (
        options.source, options.target, options.val_source, options.val_target,
        options.test_source, options.test_target,
    ):  # fmt: skip
        parser.error("the six files of sentences are needed, or --quick or --render")
    return options


def main() -> None:
    """Measures what is missing, or renders what was measured."""
    commands.resume(parse(), measure, lines)


if __name__ == "__main__":
    main()
