"""Scores and costs of trials for TensorBoard."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_shiftadd.tuners.hybrid_tuner import HybridTuner


def write_trial(tuner: "HybridTuner", trial: Any) -> None:
    """Writes the scalars of an ended trial.

    Raises:
        ImportError: if TensorBoard is not installed.
    """
    try:
        from tensorboard.summary import Writer
    except ImportError as error:
        raise ImportError(
            "`tensorboard=True` needs TensorBoard, which is not installed: pip install tensorboard"
        ) from error
    oracle = tuner._own_oracle
    step = int(trial.trial_id)
    writer = Writer(os.path.join(tuner.project_dir, "tensorboard"))
    try:
        name = tuner.oracle.objective.name
        if trial.score is not None:
            writer.add_scalar(f"search/{name}", float(trial.score), step=step)
        budget = getattr(oracle, "budget", None)
        if budget is not None:
            cost = tuner.space.cost(tuner.space.architecture(trial.hyperparameters), budget)
            for limit in budget.limits:
                writer.add_scalar(f"search/{limit}", float(getattr(cost, limit)), step=step)
    finally:
        writer.close()
