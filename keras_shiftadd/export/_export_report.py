"""What an export wrote, and how well it agrees with the model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keras_shiftadd.export._audit.audit_report import AuditReport


@dataclass(frozen=True)
class ExportReport:
    """What `to_tflite` wrote, and how well it agrees with the float model.

    Args:
        path: The file.
        size_bytes: Its size.
        operators: How many operators of each name it has.
        audit: The audit of the file, with the multiplications that it does.
        runtime: What the int8 numbers come from: an interpreter, or `"reference"`, the NumPy
            reference, where the kernels of custom operators are not compiled.
        samples: How many samples were compared.
        agreement: Part of the samples for which float model and file name the same class
            (largest output); None where the output is not `(samples, classes)`.
        mean_absolute_error: Mean absolute difference of the outputs.
        max_absolute_error: Largest absolute difference of the outputs.
        output_step: Step between neighbouring int8 outputs, to compare the errors with.
        float_accuracy: Accuracy of the model on the labels, or None.
        int8_accuracy: Accuracy of the file on the labels, or None.
        kernels: `"custom"` if the file has custom operators, else `"builtin"`.
    """

    path: Path
    size_bytes: int
    operators: dict[str, int]
    audit: AuditReport
    runtime: str
    samples: int
    agreement: float | None
    mean_absolute_error: float
    max_absolute_error: float
    output_step: float
    float_accuracy: float | None = None
    int8_accuracy: float | None = None
    kernels: Literal["builtin", "custom"] = "builtin"

    def __str__(self) -> str:
        operators = ", ".join(f"{name} {count}" for name, count in self.operators.items())
        kinds = "builtin operators only" if self.kernels == "builtin" else "with custom operators"
        shifts = f"shifts: {self.audit.shifts:,}; " if self.audit.shifts else ""
        lines = [
            f"{self.path}: {self.size_bytes:,} bytes, full int8, {kinds}",
            f"  operators: {operators}",
            f"  products of data with weights: {self.audit.multiplications:,}; {shifts}"
            f"scalings: {self.audit.scalings:,}; rescalings: {self.audit.rescalings:,}",
        ]
        compared = f"  int8 ({self.runtime}) against float, {self.samples} samples: "
        if self.agreement is not None:
            compared += f"same class for {self.agreement:.1%}, "
        lines.append(
            f"{compared}error {self.mean_absolute_error:.3g} in the mean, "
            f"{self.max_absolute_error:.3g} at most (int8 step {self.output_step:.3g})"
        )
        if self.float_accuracy is not None and self.int8_accuracy is not None:
            lines.append(
                f"  accuracy: float {self.float_accuracy:.2%}, int8 {self.int8_accuracy:.2%}"
            )
        return "\n".join(lines)
