"""The wide network around a tiny one."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_shiftadd._model_graph import has_graph, run_graph
from keras_shiftadd.callbacks._augmentation import groups
from keras_shiftadd.callbacks._augmentation.configurations import by_group, draw
from keras_shiftadd.callbacks._augmentation.groups import Widths
from keras_shiftadd.callbacks._augmentation.slots import Slots
from keras_shiftadd.callbacks._augmentation.sorting import sort_channels
from keras_shiftadd.callbacks._augmentation.wide_layers import Options
from keras_shiftadd.callbacks._augmentation.widening import (
    Value,
    Widening,
    takes_training,
)


class WideNetwork:
    """Runs the layers of a network with more channels; shares the weights of the tiny one.

    Args:
        model: a built Functional or Sequential model.
        widths: factors of the number of channels, above 1; or for each wide network a dictionary of
            factors by the names of layers, and layers that are not named keep their channels.
        expansions: factors for the channels inside blocks with a depthwise layer, on top of that
            of the channels that the block reads; None draws them from `widths` like all others.
        options: how the wide network computes.
        exclude: names of layers whose channels keep their number.
        seed: of the extra weights and of the widths.
    """

    def __init__(
        self,
        model: keras.Model,
        widths: Sequence[float] | Sequence[Mapping[str, float]],
        expansions: Sequence[float] | None,
        options: Options,
        exclude: Sequence[str],
        seed: int,
    ) -> None:
        _check(model, exclude)
        walk = Widening(options, exclude)
        self._inputs = [walk.source(t, "input") for t in keras.tree.flatten(model.inputs)]
        self._outputs = run_graph(model, self._inputs, walk.apply)
        for value in self._outputs:
            groups.keep(value.layout, "they are an output")
        self._steps = walk.steps
        self._all = walk.groups
        by_name = [factors for factors in widths if isinstance(factors, Mapping)]
        named = by_group(by_name, walk.groups, model.name) if by_name else None
        self.widened = list(dict.fromkeys(g.root for g in walk.groups if g.reason is None))
        if not self.widened:
            raise ValueError(
                "`model` must have channels that can be widened. Received: "
                f"'{model.name}', where none can:\n{self.describe()}"
            )
        if named is None:
            factors = [factor for factor in widths if not isinstance(factor, Mapping)]
            self.configurations = draw(self.widened, factors, expansions, seed)
        else:
            self.configurations = [Widths(numbers) for numbers in named]
        self._widest = Widths({g: max(of[g] for of in self.configurations) for g in self.widened})
        self.wide_layers = walk.wide_layers
        for i, layer in enumerate(self.wide_layers):
            layer.build(self._widest, seed + 2 * i)
        self.variables = [v for layer in self.wide_layers for v in layer.variables]

    def __call__(self, inputs: Any, widths: Widths) -> list[Any]:
        """Predictions of the wide network in training, flat."""
        tensors = dict(zip(map(id, self._inputs), keras.tree.flatten(inputs), strict=True))

        def tensor(value: Any) -> Any:
            return tensors[id(value)] if isinstance(value, Value) else value

        for step in self._steps:
            arguments = keras.tree.map_structure(tensor, list(step.arguments))
            if step.is_wide:
                outputs = [step.run(*keras.tree.flatten(arguments), widths)]
            else:
                keywords = keras.tree.map_structure(tensor, step.keywords)
                if takes_training(step.run):
                    keywords["training"] = True
                outputs = keras.tree.flatten(step.run(*arguments, **keywords))
            for value, output in zip(step.outputs, outputs, strict=True):
                tensors[id(value)] = output
        return [tensor(value) for value in self._outputs]

    def sort_channels(self, slots: Slots | None = None) -> list[str]:
        """Makes the most important channels those of the tiny network.

        Args:
            slots: of the optimiser, which go with the channels.

        Returns:
            The layers that make the channels that were sorted.
        """
        groups = sort_channels(self.wide_layers, self._widest, self.widened, slots)
        return [group.name for group in groups]

    def describe(self) -> str:
        """A line for each layer that makes channels: its widths, or why it keeps its own."""
        lines = []
        for group in self._all:
            if group.reason is None:
                numbers = sorted({of[group] for of in self.configurations})
                listed = ", ".join(map(str, numbers))
                lines.append(f"{group.name}: {group.size} channels, with extra ones {listed}")
            else:
                lines.append(f"{group.name}: {group.size} channels, kept: {group.reason}")
        return "\n".join(lines)


def _check(model: Any, exclude: Sequence[str]) -> None:
    if not isinstance(model, keras.Model) or not has_graph(model):
        raise ValueError(
            "`model` must be a Functional or Sequential model: a subclassed model does not say "
            f"how its layers are connected. Received: {type(model).__name__}"
        )
    if not model.built:
        raise ValueError(
            f"`model` must be built. Received: '{model.name}', which has no known input shape. "
            "Start it with keras.Input(shape), or call it on data once."
        )
    names = {layer.name for layer in _leaves(model)}
    unknown = sorted(set(exclude) - names)
    if unknown:
        raise ValueError(
            f"`exclude` must hold names of layers of the model. Received: {unknown}, which "
            f"'{model.name}' does not have."
        )


def _leaves(model: keras.Model) -> list[Any]:
    found: list[Any] = []
    for layer in model.layers:
        found += _leaves(layer) if isinstance(layer, keras.Model) else [layer]
    return found
