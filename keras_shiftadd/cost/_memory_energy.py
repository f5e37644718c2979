"""Energy of moving data."""

from dataclasses import dataclass

from keras_shiftadd.cost._layer_operations import LayerOperations
from keras_shiftadd.cost._steps import Accounting, Operator, Steps

# The released accounting of the papers moves everything of a shift layer in words of this length,
# the mean of 16-bit activations and 5-bit weights, whatever the word length of the network.
_PAPER_SHIFT_BITS = 10


@dataclass(frozen=True)
class MemoryEnergy:
    """pJ of moving 16 bits at each level of a memory hierarchy.

    Args:
        dram: memory outside the chip.
        buffer: the buffer on the chip that all units share.
        network: from the buffer to the units.
        partial_sum_network: of results from the units to the buffer.
        register: the registers beside a unit, of an activation or a partial sum.
        weight_register: those of a weight.
    """

    dram: float
    buffer: float
    network: float
    partial_sum_network: float
    register: float
    weight_register: float

    def fair_pj(self, row: LayerOperations, bits: int) -> float:
        """Energy of the traffic of a layer, the same model for every operator.

        Each weight comes from DRAM once and goes to the units once, at its own bits. Each
        activation that a layer reads goes from the buffer to the units once, each that it writes
        goes back once. A step reads an activation and a weight and updates a partial sum in the
        registers. What is done on the way to memory (activation functions, batch
        normalisation) moves nothing but its parameters.
        """
        read = row.moved.read + sum(part.inputs for part in row.steps)
        written = row.moved.written + sum(part.outputs for part in row.steps)
        of_bits = row.size_bits(bits) * (self.dram + self.network)
        of_bits += bits * read * (self.buffer + self.network)
        of_bits += bits * written * (self.buffer + self.partial_sum_network)
        for part in row.steps:
            weight = bits if part.weights == 0 else part.weight_bits or bits
            of_bits += part.count * (3 * bits * self.register + weight * self.weight_register)
        return of_bits / 16

    def paper_pj(self, row: LayerOperations, bits: int) -> float:
        """Energy of the traffic of a layer as the papers charge it.

        Only layers with inner products are charged; activations go to DRAM and back between
        layers; DRAM, buffer and network are free for adder layers but for the way of results; a
        shift layer moves everything in words of 10 bits; depthwise layers are dense. The papers
        search a tiling for each layer; here every value passes each level once.
        """
        return sum(self._paper_part(part, bits) for part in row.steps)

    def _paper_part(self, part: Steps, bits: int) -> float:
        # A depthwise layer is charged as the dense one of its size.
        weights = part.weights * part.ungrouped_count // part.count if part.count else 0
        values = part.inputs + weights + part.outputs
        of_words = part.outputs * self.partial_sum_network
        of_words += part.ungrouped_count * (3 * self.register + self.weight_register)
        if part.operator != "adder":
            of_words += values * self.dram
            of_words += (part.inputs + part.outputs) * self.buffer
            of_words += (part.inputs + weights) * self.network
        return of_words * _paper_bits(part.operator, bits) / 16

    def pj(self, row: LayerOperations, bits: int, accounting: Accounting) -> float:
        """Energy of the traffic of a layer in an accounting."""
        return self.fair_pj(row, bits) if accounting == "fair" else self.paper_pj(row, bits)


def _paper_bits(operator: Operator, bits: int) -> int:
    return _PAPER_SHIFT_BITS if operator == "shift" else bits
