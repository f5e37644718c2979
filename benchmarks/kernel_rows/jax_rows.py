"""JAX without Keras: the adder convolution as a broadcast that XLA fuses."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp

from kernel_rows.broadcast import broadcast_adder
from kernel_rows.layer import Arrays, Layer
from kernel_rows.timing import Row


def forward_rows(layer: Layer, arrays: Arrays) -> Iterator[Row]:
    """The forward pass, under `jax.jit`."""
    x, w = jnp.asarray(arrays.x), jnp.asarray(arrays.w)
    run = jax.jit(lambda x, w: broadcast_adder(jnp, layer, x, w))
    yield Row("jax_broadcast", lambda: run(x, w).block_until_ready())
