"""A model whose training steps train a wide network as well."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_shiftadd.callbacks._augmentation import joint_optimizer
from keras_shiftadd.callbacks._augmentation.groups import Widths

_classes: dict[type, type] = {}


class Augmentation:
    """What a model in training has beside itself.

    Args:
        network: the wide network.
        loss_weight: weight of its loss.
        batch_fraction: which part of a batch it sees.
        next_widths: called before each step: the widths of the step, None for none.
    """

    def __init__(
        self,
        network: Any,
        loss_weight: float,
        batch_fraction: float,
        next_widths: Callable[[], Widths | None],
    ) -> None:
        self.network = network
        self.loss_weight = loss_weight
        self.batch_fraction = batch_fraction
        self.next_widths = next_widths
        # Those of the step that is being compiled, or run.
        self.widths: Widths | None = None
        self.is_training = False
        self.is_hidden = False
        self.loss = keras.metrics.Mean(name="tiny_loss")
        self.augmented_loss = keras.metrics.Mean(name="augmented_loss")


class AugmentedTraining:
    """Stands before the class of a model among the bases, while it is augmented.

    Nothing but training differs: the model predicts, is evaluated and saved as the tiny one.
    """

    # Typed loosely: the other base is only known when a model is there.
    _augmentation: Any
    train_function: Any
    optimizer: Any

    @property
    def trainable_variables(self) -> list[Any]:
        """The weights of the tiny network, then the extra ones."""
        own = super().trainable_variables  # type: ignore[misc]
        augmentation = self._augmentation()
        return own if augmentation.is_hidden else [*own, *augmentation.network.variables]

    @property
    def trainable_weights(self) -> list[Any]:
        """The weights of the tiny network, then the extra ones."""
        own = super().trainable_weights  # type: ignore[misc]
        augmentation = self._augmentation()
        return own if augmentation.is_hidden else [*own, *augmentation.network.variables]

    def zero_grad(self, *arguments: Any, **keywords: Any) -> None:
        """Forgets gradients of the step before, on PyTorch."""
        super().zero_grad(*arguments, **keywords)  # type: ignore[misc]
        for variable in self._augmentation().network.variables:
            variable.value.grad = None

    @property
    def metrics(self) -> list[Any]:
        """The metrics of the model, then the losses of the two networks."""
        augmentation = self._augmentation()
        own = super().metrics  # type: ignore[misc]
        return (
            own
            if augmentation.is_hidden
            else [*own, augmentation.loss, augmentation.augmented_loss]
        )

    def get_metrics_result(self) -> dict[str, Any]:
        """Metrics of the tiny network; in training, the loss of the wide one as well."""
        augmentation = self._augmentation()
        result = super().get_metrics_result()  # type: ignore[misc]
        result.pop("augmented_loss", None)
        result.pop("tiny_loss", None)
        if augmentation.is_training:
            result["loss"] = augmentation.loss.result()
            wide = augmentation.augmented_loss
            # Not a number where no step had a wide network: it was not 0.
            result["augmented_loss"] = ops.where(wide.count > 0, wide.result(), float("nan"))
        return result

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of the tiny network, in training plus the weighted one of the wide network."""
        augmentation = self._augmentation()
        loss = self._own_loss(x, y, y_pred, sample_weight, training)
        if not training:
            return loss
        count = ops.shape(keras.tree.flatten(x)[0])[0]
        augmentation.loss.update_state(loss, sample_weight=count)
        if augmentation.widths is None:
            return loss
        x, y, sample_weight, y_pred = (
            _first(part, augmentation.batch_fraction) for part in (x, y, sample_weight, y_pred)
        )
        outputs = augmentation.network(x, augmentation.widths)
        wide_pred = keras.tree.pack_sequence_as(y_pred, outputs)
        kept = self._loss_metrics()
        before = [ops.copy(ops.convert_to_tensor(v)) for v in kept]
        wide = self._own_loss(x, y, wide_pred, sample_weight, training)
        for variable, value in zip(kept, before, strict=True):
            variable.assign(value)
        # Regularisation of the tiny network is in the first loss.
        wide = wide - sum(ops.sum(term) for term in self.losses)  # type: ignore[attr-defined]
        augmentation.augmented_loss.update_state(wide, sample_weight=count)
        return loss + augmentation.loss_weight * wide

    def _own_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        return super().compute_loss(  # type: ignore[misc]
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training
        )

    def _loss_metrics(self) -> list[Any]:
        """Variables of the metrics that computing a loss moves: those of single outputs."""
        own = super().metrics  # type: ignore[misc]
        of_outputs = [metric for metric in own if metric.name.endswith("_loss")]
        return [variable for metric in of_outputs for variable in metric.variables]

    def make_train_function(self, force: bool = False) -> None:
        """Makes a compiled step for each wide network and one without."""
        if self.train_function is not None and not force:
            return
        augmentation = self._augmentation()
        step = super().train_step  # type: ignore[misc]
        functions: dict[Widths | None, tuple[Any, Any]] = {}

        def step_for(widths: Widths | None) -> Any:
            def train_step(*arguments: Any) -> Any:
                before = augmentation.widths, augmentation.is_training
                augmentation.widths, augmentation.is_training = widths, True
                try:
                    return step(*arguments)
                finally:
                    augmentation.widths, augmentation.is_training = before

            return train_step

        def train_function(*arguments: Any) -> Any:
            function, self.train_step = functions[augmentation.next_widths()]
            try:
                return function(*arguments)
            finally:
                del self.train_step

        # All of them now: on JAX, variables have no values once steps are running.
        for widths in (None, *augmentation.network.configurations):
            # A step of its own for each: what is compiled of it is kept under its name.
            self.train_step = step_for(widths)
            try:
                super().make_train_function(force=True)  # type: ignore[misc]
                functions[widths] = self.train_function, self.train_step
            finally:
                del self.train_step
        self.train_function = train_function

    def fit(self, *arguments: Any, **keywords: Any) -> Any:
        """Trains the tiny network: an exception has ended the training that was augmented."""
        remove(self)
        return self.fit(*arguments, **keywords)

    def train_on_batch(self, *arguments: Any, **keywords: Any) -> Any:
        """Trains the tiny network, as `fit`."""
        remove(self)
        return self.train_on_batch(*arguments, **keywords)

    def compile(self, *arguments: Any, **keywords: Any) -> Any:
        """Compiles the tiny network."""
        remove(self)
        return self.compile(*arguments, **keywords)

    def save(self, *arguments: Any, **keywords: Any) -> Any:
        """Saves the tiny network."""
        return self._as_tiny("save", *arguments, **keywords)

    def save_weights(self, *arguments: Any, **keywords: Any) -> Any:
        """Saves the weights of the tiny network."""
        return self._as_tiny("save_weights", *arguments, **keywords)

    def load_weights(self, *arguments: Any, **keywords: Any) -> Any:
        """Loads the weights of the tiny network."""
        return self._as_tiny("load_weights", *arguments, **keywords)

    def export(self, *arguments: Any, **keywords: Any) -> Any:
        """Exports the tiny network."""
        return self._as_tiny("export", *arguments, **keywords)

    def summary(self, *arguments: Any, **keywords: Any) -> Any:
        """Prints the summary of the tiny network."""
        return self._as_tiny("summary", *arguments, **keywords)

    def _as_tiny(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        augmentation = self._augmentation()
        optimizer = joint_optimizer.inner_optimizer(self.optimizer)
        classes = type(self), type(optimizer)
        self.__class__ = classes[0].__mro__[2]
        optimizer.__class__ = classes[1].__mro__[2]
        augmentation.is_hidden = True
        try:
            return getattr(self, method)(*arguments, **keywords)
        finally:
            augmentation.is_hidden = False
            self.__class__, optimizer.__class__ = classes


def install(model: keras.Model, augmentation: Augmentation) -> None:
    """Augments a compiled, built model."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    joint_optimizer.join(model.optimizer, augmentation.network.variables)
    base = type(model)
    if base not in _classes:
        names = {"__module__": base.__module__, "__qualname__": base.__qualname__}
        _classes[base] = type(base.__name__, (AugmentedTraining, base), names)
    # A function, because Keras would take an attribute for a part of the model.
    model._augmentation = lambda: augmentation
    model.__class__ = _classes[base]
    model.train_function = None


def remove(model: keras.Model) -> None:
    """Makes an augmented model the one that it was."""
    if not isinstance(model, AugmentedTraining):
        return
    joint_optimizer.part(model.optimizer)
    model.__class__ = type(model).__mro__[2]
    del model._augmentation
    model.train_function = None


def _first(data: Any, fraction: float) -> Any:
    """The first samples of a batch."""
    if fraction == 1.0 or data is None:
        return data

    def first(tensor: Any) -> Any:
        count = ops.shape(tensor)[0]
        if isinstance(count, int):
            return tensor[: max(1, int(fraction * count))]
        number = ops.cast(ops.ceil(fraction * ops.cast(count, "float32")), "int32")
        return tensor[:number]

    return keras.tree.map_structure(first, data)
