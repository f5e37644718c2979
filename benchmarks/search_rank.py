"""Do inherited weights rank sub-networks as training them alone does? Kendall's tau, by form.

    python benchmarks/search_rank.py --json rank.json                      # gestures, all forms
    python benchmarks/search_rank.py --json rank.json --form transport     # adds to the file
    python benchmarks/search_rank.py --set keywords --data FILE.npz --json rank.json
    python benchmarks/search_rank.py --render rank.json

Random sub-networks of one space are trained alone, once; a supernet is trained for each form of
weight sharing and each seed, and the same sub-networks are scored with its weights. Both scores
are validation accuracies. What is in the JSON file already is not measured again.
"""

import argparse
from typing import Any

import commands
import machine
import numpy as np
from search_statistics import kendall_tau, mean_and_deviation

FORMS = ("transport", "binned", "gain", "none")


def measure(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Adds to `figures` what is missing, and saves after each network."""
    import search_data
    from search_scores import draw, score_alone, score_inherited, space_of

    data = search_data.load(options.set, options.data, options.fold)
    space = space_of(data, options.space)
    drawn = draw(space, options.networks)
    setting = {
        "data": data.name,
        "fold": options.fold,
        "samples": data.sizes(),
        "space": options.space,
        "networks": options.networks,
        "alone_epochs": options.alone_epochs,
        "supernet_epochs": options.epochs,
    }
    commands.keep_setting(options, figures, setting)
    figures.setdefault("architectures", drawn)
    alone = figures.setdefault("alone", {})
    for seed in range(options.alone_seeds):
        scores = alone.setdefault(str(seed), [])
        for architecture in drawn[len(scores) :]:
            scores.append(score_alone(space, data, architecture, seed, options.alone_epochs))
            machine.write(options.json, figures)
            print(
                f"alone, seed {seed}, network {len(scores)}/{len(drawn)}: "
                f"{scores[-1]['score']:.3f}, {scores[-1]['seconds']:.0f} s",
                flush=True,
            )
    inherited = figures.setdefault("inherited", {})
    for seed in options.seeds:
        for form in options.form:
            scores = inherited.setdefault(form, {})
            if str(seed) in scores:
                continue
            scores[str(seed)] = score_inherited(space, data, drawn, form, seed, options.epochs)
            machine.write(options.json, figures)
            print(
                f"{form}, seed {seed}: supernet {scores[str(seed)]['train_seconds']:.0f} s",
                flush=True,
            )


def lines(figures: dict[str, Any]) -> list[str]:
    """A Markdown table of the figures."""
    seeds = list(figures["alone"].values())
    alone = np.mean([[entry["score"] for entry in scores] for scores in seeds], axis=0)
    table = [
        f"Alone: accuracy {alone.min():.3f} to {alone.max():.3f}, mean of {len(seeds)} seeds.",
    ]
    if len(seeds) > 1:
        first, second = ([entry["score"] for entry in scores] for scores in seeds[:2])
        table.append(f"tau between two seeds of training alone: {kendall_tau(first, second):.2f}")
    table += [
        "",
        "| weight sharing | tau, mean ± deviation | each seed | mean inherited accuracy |",
        "|---|---|---|---|",
    ]
    for form, runs in figures["inherited"].items():
        taus = [kendall_tau(run["scores"], alone) for run in runs.values()]
        each = ", ".join(f"{tau:.2f}" for tau in taus)
        score = np.mean([run["scores"] for run in runs.values()])
        table.append(f"| {form} | {mean_and_deviation(taus)} | {each} | {score:.3f} |")
    return table


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_data_arguments(parser)
    parser.add_argument("--space", default="small", choices=("small", "tiny"))
    parser.add_argument("--fold", type=int, default=0, choices=(0, 1, 2))
    parser.add_argument("--form", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--networks", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=30, help="of a supernet")
    parser.add_argument("--alone-epochs", type=int, default=15, help="of a network alone")
    parser.add_argument("--alone-seeds", type=int, default=2, help="runs of each network alone")
    parser.add_argument("--quick", action="store_true", help="two epochs, four networks, one seed")
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.networks, options.epochs, options.alone_epochs = 4, 2, 2
        options.seeds, options.alone_seeds = [0], 1
    return options


def main() -> None:
    """Measures what is missing, or renders what was measured."""
    commands.resume(parse(), measure, lines)


if __name__ == "__main__":
    main()
