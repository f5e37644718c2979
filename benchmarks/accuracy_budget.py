"""How many epochs `accuracy.py` trains for where it is not told."""

import time
from typing import Any

import accuracy_networks
import numpy as np
from augmentation import AUGMENTED

_CPU_EPOCHS, _GPU_EPOCHS = 30, 200
_TIMED_STEPS = 4


def epochs(options: Any) -> int:
    """As many as fit into `--budget`, or else a number for the kind of processor."""
    if options.budget is not None:
        return epochs_in(options.budget, options)
    return _GPU_EPOCHS if has_gpu() else _CPU_EPOCHS


def seconds_an_epoch(data: Any, operator: str, form: str, options: Any) -> tuple[float, float]:
    """Measures a few steps; returns the seconds of an epoch, and those before the first one."""
    import keras
    from search_data import Batches
    from search_training import BATCH, compile_for, optimizer

    class Clock(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.times: list[float] = []

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.times.append(time.perf_counter())

    keras.utils.clear_session()
    begin = time.perf_counter()
    model = accuracy_networks.make(data, operator, form, options)
    compile_for(model, optimizer(1))
    clock = Clock()
    steps = len(Batches(data, BATCH, 0))
    # Each wide network is compiled in the first steps; they take turns.
    first = 2 * len(options.widths) if form in AUGMENTED else 2
    count = min(steps, first + _TIMED_STEPS)
    part = data.x_train[: count * BATCH], data.y_train[: count * BATCH]
    callbacks = [*accuracy_networks.augmentation(data, form, 0, options), clock]
    model.fit(*part, batch_size=BATCH, epochs=2, verbose=0, callbacks=callbacks)
    step = float(np.median(np.diff(clock.times[-min(count, _TIMED_STEPS) :])))
    factor = 3.0 if accuracy_networks.IDEAS.get(form, {}).get("teacher") else 1.0
    return factor * step * steps, clock.times[0] - begin


def epochs_in(minutes: float, options: Any) -> int:
    """Epochs with which all runs of the command line fit into a time."""
    data = accuracy_networks.load(options, options.seeds[0])
    start = time.perf_counter()
    times = [seconds_an_epoch(data, *pair, options) for pair in accuracy_networks.pairs(options)]
    left = 60 * minutes - (time.perf_counter() - start)
    each, once = (len(options.seeds) * sum(column) for column in zip(*times, strict=True))
    count = int((left - once) / each)
    if count < 1:
        raise SystemExit(
            f"An epoch of all {len(times) * len(options.seeds)} runs takes "
            f"{(each + once) / 60:.1f} minutes here, and {left / 60:.1f} are left of --budget "
            f"{minutes:g}. Name fewer --operator, --form or --seeds, or a smaller --limit."
        )
    return count


def has_gpu() -> bool:
    """Whether the backend computes on a GPU."""
    import keras

    if keras.backend.backend() == "torch":
        import torch

        return bool(torch.cuda.is_available())
    return bool(keras.distribution.list_devices("gpu"))
