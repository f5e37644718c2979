"""A sub-network of a supernet as a network of its own."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd import ops as shiftadd_ops
from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._space.networks import BlockPlan
from keras_shiftadd.tuners._supernet.block import SupernetBlock
from keras_shiftadd.tuners._supernet.functions import centre

if TYPE_CHECKING:
    from keras_shiftadd.tuners.supernet import Supernet


def cut_out(supernet: "Supernet", architecture: Architecture) -> keras.Model:
    """A plain network with copies of the weights of a sub-network.

    The supernet's statistics must be those of this architecture.
    """
    space = supernet.space
    model = space.build(architecture)
    statistics = supernet.statistics()
    stem = supernet.stem
    for i in range(len(stem.strides)):
        name = "stem" if len(stem.strides) == 1 else f"stem_{i}"
        part = statistics[:, i * stem.width : (i + 1) * stem.width]
        model.get_layer(f"{name}_conv").kernel.assign(_copy(stem.kernels[i]))
        _assign_norm(model.get_layer(f"{name}_norm"), stem.gammas[i], stem.betas[i], part)
    start = stem.statistics_size
    plans = {plan.name: plan for plan in space.plan(architecture)}
    for block in supernet.blocks:
        part = statistics[:, start : start + block.statistics_size]
        start += block.statistics_size
        if block.name in plans:
            _copy_block(model, block, plans[block.name], part)
    width = architecture["stages"][-1]["width"]
    classifier = model.get_layer("head_classifier")
    classifier.kernel.assign(_copy(supernet.classifier.kernel[:width]))
    classifier.bias.assign(_copy(supernet.classifier.bias))
    return model


def _copy_block(
    model: keras.Model, block: SupernetBlock, plan: BlockPlan, statistics: np.ndarray
) -> None:
    operator = block.operators.index(plan.operator)
    start = 0
    for place, (name, size) in enumerate(block.places):
        last = place == len(block.places) - 1
        used = plan.width if last else plan.hidden_width
        part = statistics[:, start : start + size][:, :used]
        start += size
        norm_name = f"{plan.name}_{name}_norm"
        if plan.operator == "attention":
            if plan.block == "bottleneck" and place == 1:
                norm_name = f"{plan.name}_attend_norm"
            elif plan.block == "inverted_residual":
                if not last:
                    continue
                norm_name = f"{plan.name}_attend_norm"
        _assign_norm(
            model.get_layer(norm_name),
            block.gammas[place][operator, :used],
            block.betas[place][operator, :used],
            part,
        )
        if norm_name.endswith("attend_norm"):
            continue
        in_width = plan.in_width if place == 0 else plan.hidden_width
        layer = model.get_layer(f"{plan.name}_{name}")
        layer.kernel.assign(_copy(_kernel(block, name, plan, in_width, used)))
    if plan.operator == "attention":
        _copy_attention(model, block, plan)


def _kernel(
    block: SupernetBlock, name: str, plan: BlockPlan, in_width: int | None, used: int | None
) -> Any:
    weights = block.kernels[name]
    kernel = ops.convert_to_tensor(weights["kernel"])
    if plan.operator == "adder":
        kernel = shiftadd_ops.shared_adder_kernel(
            kernel,
            block.weight_sharing,
            gain=weights.get("gain"),
            offset=weights.get("offset"),
            gradient_scale=None,
        )
    if name in ("depthwise", "spatial"):
        assert plan.kernel_size is not None
        window = block.options.window(plan.kernel_size)
        kernel = centre(kernel, tuple(kernel.shape[:2]), window)
    if name == "depthwise":
        return kernel[:, :, :used]
    return kernel[:, :, :in_width, :used]


def _copy_attention(model: keras.Model, block: SupernetBlock, plan: BlockPlan) -> None:
    kernels = block.attention
    if plan.block == "bottleneck":
        in_width = out_width = plan.hidden_width
    else:
        in_width, out_width = plan.in_width, plan.width
    position = model.get_layer(f"{plan.name}_position")
    position.kernel.assign(_copy(kernels["position"][:, :, :in_width]))
    attention = model.get_layer(f"{plan.name}_attention")
    for name in ("query", "key", "value"):
        getattr(attention, f"{name}_dense").kernel.assign(_copy(kernels[name][:in_width]))
    attention.output_dense.kernel.assign(_copy(kernels["output"][:, :out_width]))


def _assign_norm(layer: Any, gamma: Any, beta: Any, statistics: np.ndarray) -> None:
    layer.gamma.assign(_copy(gamma))
    layer.beta.assign(_copy(beta))
    layer.moving_mean.assign(statistics[0])
    layer.moving_variance.assign(statistics[1])


def _copy(value: Any) -> np.ndarray:
    """The values in memory of their own: JAX hands the buffers of a trained model on."""
    return np.array(ops.convert_to_numpy(value))
