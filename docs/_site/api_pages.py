"""The pages of the API: one a room, with every name of its `__all__`."""

import ast
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
# The rooms, and what the list of pages says of them.
ROOMS = {
    "": "the summary of a model, and loading of saved ones",
    "layers": "Keras layers",
    "ops": "differentiable functions of tensors",
    "models": "ready networks",
    "callbacks": "augmentation, and statistics of normalisation",
    "tuners": "search for networks",
    "cost": "operations, energy, instructions, flash and RAM",
    "export": "int8, `.tflite`, C, audit and simulation",
    "compression": "pruning, clustering, quantisation-aware training",
    "custom_ops": "compiled kernels",
    "testing": "conformance of layers, and references in NumPy",
}


def public_names(room: str) -> list[str]:
    """The names in the `__all__` of a room; of the package itself those that are no rooms."""
    path = ROOT / "keras_shiftadd" / room / "__init__.py"
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            names = ast.literal_eval(statement.value)
            return [name for name in names if room or name not in {*ROOMS, "__version__"}]
    raise ValueError(f"A room must list its public names in `__all__`. Received: {path}.")


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages, which are not files of `docs`."""
    index = ["# API", "", "`import keras_shiftadd as ksa`, then:", ""]
    for room, content in ROOMS.items():
        title = f"ksa.{room}" if room else "ksa"
        file = f"{room or 'keras_shiftadd'}.md"
        index.append(f"- [`{title}`]({file}): {content}")
        module = f"keras_shiftadd.{room}" if room else "keras_shiftadd"
        blocks = [f"::: {module}.{name}" for name in public_names(room)]
        text = "\n\n".join([f"# {title}", f"{content[0].upper()}{content[1:]}.", *blocks])
        files.append(File.generated(config, f"api/{file}", content=text + "\n"))
    files.append(File.generated(config, "api/index.md", content="\n".join(index) + "\n"))
    return files
