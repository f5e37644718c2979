"""What a model does at inference, and what that costs.

Counting (`count_operations`) says how many multiplications, additions and shifts each layer does;
pricing (`energy_pj`) says what they cost; `summary` prints both beside the same architecture with
ordinary convolutions.
"""

from keras_shiftadd.cost._count import count_operations
from keras_shiftadd.cost._energy import ENERGY_45NM_PJ, ENERGY_COLUMNS, energy_pj
from keras_shiftadd.cost._layer_operations import LayerOperations
from keras_shiftadd.cost._model_summary import ModelSummary, SummaryRow, SummaryTotals
from keras_shiftadd.cost._not_counted import NotCounted
from keras_shiftadd.cost._operation_counts import OperationCounts
from keras_shiftadd.cost._operations import Operations
from keras_shiftadd.cost._steps import Steps
from keras_shiftadd.cost._summary import summary

__all__ = [
    "ENERGY_45NM_PJ",
    "ENERGY_COLUMNS",
    "LayerOperations",
    "ModelSummary",
    "NotCounted",
    "OperationCounts",
    "Operations",
    "Steps",
    "SummaryRow",
    "SummaryTotals",
    "count_operations",
    "energy_pj",
    "summary",
]
