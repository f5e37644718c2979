"""What a piece of hardware charges for operations and memory traffic."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from keras_shiftadd.cost._instruction_model import InstructionModel
from keras_shiftadd.cost._memory_energy import MemoryEnergy


# Compared by identity: there is one object a target, and it serves as a key.
@dataclass(frozen=True, eq=False)
class Hardware:
    """A target: what operations and memory traffic cost on it, and where the figures come from.

    A target has an energy model (`energy_pj`) or an instruction model (`instructions`). The known
    ones are in `ksa.cost.HARDWARE`; `dataclasses.replace` makes variants, which `estimate` and
    `Budget` take in the place of a name.

    Args:
        name: how it is called.
        description: what it is, in a sentence.
        source: where the figures come from: what is published or measured, what is derived.
        energy_pj: for each word length in bits, pJ of a `"multiply"`, an `"add"` and a `"shift"`.
        memory: pJ of moving data, or None where it is not charged.
        instructions: executed instructions of each kind of work, or None.
        word_bits: word lengths of a network that the figures hold for.
        shift_weight_bits: bits in which a weight of a shift layer is stored, or None for the
            layer's own `weight_bits`.

    Example:

    >>> target = ksa.cost.hardware("asic-45nm")
    >>> target.energy_pj[8]["multiply"]
    0.2
    >>> arithmetic_only = dataclasses.replace(target, name="no memory", memory=None)
    """

    name: str
    description: str
    source: str
    energy_pj: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    memory: MemoryEnergy | None = None
    instructions: InstructionModel | None = None
    word_bits: tuple[int, ...] = (8, 16, 32)
    shift_weight_bits: int | None = None

    @property
    def has_energy(self) -> bool:
        """Whether the target says what energy is spent."""
        return bool(self.energy_pj)

    @property
    def has_instructions(self) -> bool:
        """Whether the target says how many instructions are executed."""
        return self.instructions is not None
