"""Architectures of a space, and the values of KerasTuner that say the same."""

import contextlib
import random
from collections.abc import Callable, Collection, Iterator, Mapping

import keras_tuner

from keras_shiftadd.tuners._space.genes import Architecture, Gene, Value, Values, complete


class Choices:
    """The choices of a space: valid architectures, and the values of KerasTuner.

    A subclass sets the attributes, and says how architectures and values become each other.
    """

    genes: tuple[Gene, ...]
    _by_name: dict[str, Gene]

    def hyperparameters(self) -> keras_tuner.HyperParameters:
        """The space as KerasTuner HyperParameters, with conditional scopes.

        Returns:
            `keras_tuner.HyperParameters`. A choice between one value is left out.
        """
        hp = keras_tuner.HyperParameters()
        for gene in self.genes:
            with _scopes(hp, gene, self._by_name):
                if len(gene.choices) > 1:
                    hp.Choice(gene.name, list(gene.choices))
        return hp

    def values(self, architecture: Architecture) -> Values:
        """The values of KerasTuner's hyperparameters that make an architecture.

        Args:
            architecture: An architecture of this space.

        Returns:
            A dictionary from names to integers and strings; only what is active.

        Raises:
            ValueError: If it is no architecture of this space.
        """
        values = self._read(architecture)
        return {k: v for k, v in values.items() if len(self._by_name[k].choices) > 1}

    def architecture(
        self, values: Mapping[str, Value] | keras_tuner.HyperParameters
    ) -> Architecture:
        """The architecture of KerasTuner values.

        Args:
            values: A dictionary of values, or HyperParameters. What is missing gets its first
                choice; where a space has a `total_depth`, depths that do not add up to it are
                changed in the last stages.

        Returns:
            The architecture.

        Raises:
            ValueError: If a value is not among its choices.
        """
        given = values.values if isinstance(values, keras_tuner.HyperParameters) else values
        known = {name: value for name, value in given.items() if name in self._by_name}
        return self._finish(known, lambda gene: gene.choices[0], rng=None)

    def validate(self, architecture: Architecture) -> Architecture:
        """Checks an architecture, which may have been edited by hand.

        Args:
            architecture: A dictionary; see the class.

        Returns:
            The same dictionary.

        Raises:
            ValueError: If it is no architecture of this space; the message names what does not fit.
        """
        self._read(architecture)
        return architecture

    def _read(self, architecture: Architecture) -> Values:
        """The values of an architecture, checked."""
        raise NotImplementedError

    def _to_architecture(self, values: Values) -> Architecture:
        """The architecture of complete values."""
        raise NotImplementedError

    def _repair(self, values: Values, rng: random.Random | None, kept: Collection[str]) -> Values:
        """Values that fit together; changes those that are not in `kept` where it can."""
        return values

    def _finish(
        self,
        values: Mapping[str, Value],
        choose: Callable[[Gene], Value],
        rng: random.Random | None,
        kept: Collection[str] = (),
    ) -> Architecture:
        """The architecture of some values; the others are chosen, what does not fit repaired."""
        result = complete(self.genes, values, choose)
        repaired = self._repair(result, rng, kept)
        if repaired is not result:
            result = complete(self.genes, repaired, choose)
        return self.validate(self._to_architecture(result))


@contextlib.contextmanager
def _scopes(
    hp: keras_tuner.HyperParameters, gene: Gene, genes: Mapping[str, Gene]
) -> Iterator[None]:
    """Opens the conditional scopes that a gene stands in."""
    chain = []
    while gene.parent is not None:
        parent = genes[gene.parent]
        # A choice between one value is no hyperparameter: it always holds.
        if len(parent.choices) > 1:
            chain.append((parent.name, list(gene.parent_values)))
        gene = parent
    with contextlib.ExitStack() as stack:
        for name, values in reversed(chain):
            stack.enter_context(hp.conditional_scope(name, values))
        yield
