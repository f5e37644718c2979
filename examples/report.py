"""The table at the end of the demo."""

import numpy as np

# key of the result, label, how to write a value, whether to add the deviation over the folds
_ROWS = (
    ("float_accuracy", "accuracy, float", "{:.1%}", True),
    ("litert_accuracy", "accuracy, int8 in LiteRT", "{:.1%}", True),
    ("micro_accuracy", "accuracy, int8 in tflite-micro", "{:.1%}", True),
    ("energy_uj", "energy with memory traffic, int8, 45 nm", "{:,.2f} µJ", False),
    ("energy_nj", "  of which arithmetic", "{:,.1f} nJ", False),
    ("products", "products of data with weights in the file", "{:,.0f}", False),
    ("other_products", "  of which by weights not a power of two", "{:,.0f}", False),
    ("file_bytes", "size of the .tflite file", "{:,.0f} bytes", False),
    ("arena_bytes", "memory in tflite-micro (64-bit host)", "{:,.0f} bytes", False),
    ("c_accuracy", "accuracy, int8 as C", "{:.1%}", True),
    ("cortex_instructions", "instructions an inference, Cortex-M4", "{:,.0f}", False),
    ("riscv_instructions", "instructions an inference, rv32i", "{:,.0f}", False),
    ("flash_bytes", "flash on the Cortex-M4, code and weights", "{:,.0f} bytes", False),
    ("ram_bytes", "RAM on the Cortex-M4, with the stack", "{:,.0f} bytes", False),
)


def folds(count: int) -> str:
    """Writes the number of folds."""
    return "1 fold" if count == 1 else f"{count} folds"


def side_by_side(results: dict[str, list[dict[str, float]]]) -> str:
    """Writes mean (and standard deviation over the folds) of all figures, a column a network.

    Args:
        results: For each network, the figures of each fold.
    """
    count = len(next(iter(results.values())))
    networks = list(results)
    lines = [f"{f'Mean of {folds(count)}':<44}" + "".join(f"{n:>20}" for n in networks)]
    lines.append("-" * len(lines[0]))
    for key, label, form, spread in _ROWS:
        cells = []
        for network in networks:
            values = [result[key] for result in results[network]]
            cell = form.format(np.mean(values))
            if spread and count > 1:
                cell += f" ± {100 * np.std(values, ddof=1):.1f}"
            cells.append(cell)
        lines.append(f"{label:<44}" + "".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines) + "\n"
