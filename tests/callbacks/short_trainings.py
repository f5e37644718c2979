"""Short augmented trainings."""

import keras
from augmented_networks import compiled

import keras_shiftadd as ksa


def augmentation(**arguments):
    """One wide network in each step, compiled quickly."""
    return ksa.callbacks.HybridAugmentation(**{"widths": (2.0,), "schedule": 1.0, **arguments})


def fit(model, data, callbacks=(), **arguments):
    """Two epochs of three batches."""
    arguments = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0, **arguments}
    return model.fit(*data, callbacks=list(callbacks), **arguments).history


def trained(data, callbacks=(), operator="adder", **arguments):
    """A tiny network after `fit`."""
    model = compiled(operator)
    fit(model, data, callbacks, **arguments)
    return model


class Within(keras.callbacks.Callback):
    """Calls a function with the model after the second batch."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.result = None

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1 and self.result is None:
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            self.result = self.function(self.model)
