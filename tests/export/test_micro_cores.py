"""The kernels for microcontrollers have the bits of the reference on each emulated processor."""

import numpy as np
import pytest
from micro_kernels import draw_convolution

from keras_shiftadd.export._c.kernel_files import KERNEL_FOLDER
from keras_shiftadd.export._c.kernels import KERNELS
from keras_shiftadd.export._integer.reference import run
from keras_shiftadd.export._simulate.compilation import compile_program
from keras_shiftadd.export._simulate.kernel_call import call_kernel
from keras_shiftadd.export._simulate.machine import Machine
from keras_shiftadd.export._targets import find_target

pytest.importorskip("ziglang", reason='needs ziglang: pip install "keras-shiftadd[micro]"')
pytest.importorskip("unicorn", reason='needs unicorn: pip install "keras-shiftadd[micro]"')
pytestmark = pytest.mark.once

# One for each set of instructions that there is code for, and one without any.
CORES = ("cortex-m4", "cortex-m0", "rv32i", "rv32im")
SAME = ((1, 1), (1, 1))
# Image, window, channels, filters, what else there is of the layer, and its requantisation.
LAYERS = (
    ((5, 5), (3, 3), 8, 8, {"pads": SAME}, {"fast": 32}),
    ((3, 5), (3, 3), 5, 6, {"pads": SAME, "strides": (2, 2)}, {}),
    ((4, 3), (1, 1), 9, 5, {}, {"power_of_two": True}),
    ((1, 1), (1, 1), 37, 7, {}, {"rounding": "double"}),
    ((2, 2), (3, 3), 60, 2, {"pads": SAME}, {"fast": 32, "low": -20, "high": 90}),
    ((3, 3), (1, 1), 12, 9, {}, {"fast": 29}),
    ((5, 4), (3, 3), 6, 6, {"groups": 6, "pads": SAME}, {"fast": 30}),
    ((5, 5), (3, 3), 7, 7, {"groups": 7, "strides": (2, 2)}, {"rounding": "double"}),
)


@pytest.fixture(scope="module", params=CORES)
def machine(request, tmp_path_factory):
    core = find_target(request.param).core
    program = compile_program(
        sorted(KERNEL_FOLDER.glob("*.c")),
        core,
        tmp_path_factory.mktemp("core") / "kernels.elf",
        [kernel.function for kernel in KERNELS.values()],
        include=[KERNEL_FOLDER],
    )
    return lambda: Machine(program, core)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_kernels_have_the_bits_of_the_reference(machine, kernel):
    emulated = machine()
    for operator in sorted(kernel.operators):
        for number, (*sizes, window, requantization) in enumerate(LAYERS):
            rng = np.random.default_rng(number)
            model = draw_convolution(rng, operator, *sizes, **window, **requantization)
            if not kernel.takes(model.operators[0]):
                continue
            x = rng.integers(-128, 128, (1, *model.tensors[0].shape)).astype(np.int8)
            got, _ = call_kernel(emulated, kernel, model, x)
            np.testing.assert_array_equal(got, run(model, x)[0], err_msg=f"{operator}, {sizes}")
