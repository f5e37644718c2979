"""What a model does at inference, and what that costs.

Counting (`count_operations`) says how many multiplications, additions and shifts each layer does;
pricing says what they cost on a piece of `Hardware`: `estimate` gives energy or instructions, flash
and RAM, which a `Budget` limits. `summary` prints all of it beside the same architecture with
ordinary convolutions.
"""

from keras_shiftadd.cost._budget import Budget
from keras_shiftadd.cost._cost import Cost
from keras_shiftadd.cost._count import count_operations
from keras_shiftadd.cost._energy import ENERGY_45NM_PJ, ENERGY_COLUMNS, energy_pj
from keras_shiftadd.cost._estimate import estimate
from keras_shiftadd.cost._hardware import Hardware
from keras_shiftadd.cost._instruction_model import InstructionModel, KernelInstructions
from keras_shiftadd.cost._layer_operations import LayerOperations
from keras_shiftadd.cost._memory_energy import MemoryEnergy
from keras_shiftadd.cost._model_summary import ModelSummary, SummaryRow, SummaryTotals
from keras_shiftadd.cost._moved import Moved
from keras_shiftadd.cost._not_counted import NotCounted
from keras_shiftadd.cost._operation_counts import OperationCounts
from keras_shiftadd.cost._operations import Operations
from keras_shiftadd.cost._plot_summary import plot_summary
from keras_shiftadd.cost._steps import Steps
from keras_shiftadd.cost._summary import summary
from keras_shiftadd.cost._targets import HARDWARE, hardware

__all__ = [
    "ENERGY_45NM_PJ",
    "ENERGY_COLUMNS",
    "HARDWARE",
    "Budget",
    "Cost",
    "Hardware",
    "InstructionModel",
    "KernelInstructions",
    "LayerOperations",
    "MemoryEnergy",
    "ModelSummary",
    "Moved",
    "NotCounted",
    "OperationCounts",
    "Operations",
    "Steps",
    "SummaryRow",
    "SummaryTotals",
    "count_operations",
    "energy_pj",
    "estimate",
    "hardware",
    "plot_summary",
    "summary",
]
