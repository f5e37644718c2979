"""The table of known targets: every figure, and where it comes from."""

from keras_shiftadd.cost._energy import ENERGY_45NM_PJ, ENERGY_COLUMNS
from keras_shiftadd.cost._hardware import Hardware
from keras_shiftadd.cost._instruction_model import InstructionModel, KernelInstructions
from keras_shiftadd.cost._memory_energy import MemoryEnergy

_ARITHMETIC_45NM = {
    bits: {
        "multiply": ENERGY_45NM_PJ[arithmetic]["multiply"],
        "add": ENERGY_45NM_PJ[arithmetic]["add"],
        "shift": ENERGY_45NM_PJ[shifts]["shift"],
    }
    for bits, (arithmetic, shifts) in ENERGY_COLUMNS.items()
}
_SOURCE_45NM = (
    "Multiply and add: Horowitz, ISSCC 2014 (45 nm, 0.9 V). Shift: You et al., ShiftAddNet, "
    "NeurIPS 2020."
)
_SOURCE_COUNTS = (
    "Executed instructions of this package's C kernels, counted in an emulator (clang, -O3), int8, "
    "patch gathering and requantisation included, and fitted over nine dense shapes and two "
    "depthwise ones by benchmarks/micro_fit.py. "
)
_SOURCE_ELEMENTWISE = (
    " Layers without inner products: an element written costs the cheapest output of the "
    "kernels; 3 instructions an addition or comparison and 2 a copied element are assumed."
)

# Printed by benchmarks/micro_fit.py.
_M4_CONV = KernelInstructions(step=0.854, gather=6.74, output=14.3, pixels=2)
_M4_ADDER = KernelInstructions(step=0.284, gather=4.64, output=12.4, pixels=2)
_M4_DEPTHWISE = KernelInstructions(step=7.46)
_M4_DEPTHWISE_ADDER = KernelInstructions(step=6.54)
_M0_CONV = KernelInstructions(step=3.64, gather=0.0, output=195.0, pixels=4)
_M0_SHIFT = KernelInstructions(step=0.919, gather=8.41, output=111.0, pixels=8)
_M0_ADDER = KernelInstructions(step=2.63, gather=8.76, output=145.0, pixels=4)
_M0_DEPTHWISE = KernelInstructions(step=21.8)
_M0_DEPTHWISE_ADDER = KernelInstructions(step=20.1)
_RV32I_CONV = KernelInstructions(step=4.18, gather=3.66, output=150.0, pixels=4)
_RV32I_SHIFT = KernelInstructions(step=1.56, gather=4.07, output=60.1, pixels=4)
_RV32I_ADDER = KernelInstructions(step=3.59, gather=10.5, output=143.0, pixels=4)
_RV32I_DEPTHWISE = KernelInstructions(step=60.8)
_RV32I_DEPTHWISE_SHIFT = KernelInstructions(step=18.2)
_RV32I_DEPTHWISE_ADDER = KernelInstructions(step=40.7)

_TARGETS = (
    Hardware(
        name="asic-45nm",
        description="45 nm CMOS accelerator: arithmetic and memory traffic",
        source=_SOURCE_45NM
        + " Memory: pJ per 16 bits of the Eyeriss-like model in the released code of ShiftAddNAS "
        "(You et al., ICML 2022): DRAM 200, and 6, 2, 1, 1 and 2 times 3.7 pJ. How often each "
        "level is used is this library's own model.",
        energy_pj=_ARITHMETIC_45NM,
        memory=MemoryEnergy(
            dram=200.0,
            buffer=22.2,
            network=7.4,
            partial_sum_network=3.7,
            register=3.7,
            weight_register=7.4,
        ),
    ),
    Hardware(
        name="asic-45nm-arithmetic",
        description="45 nm CMOS: the arithmetic alone, no memory traffic",
        source=_SOURCE_45NM,
        energy_pj=_ARITHMETIC_45NM,
    ),
    Hardware(
        name="fpga-zc706",
        description="Xilinx Zynq-7000 ZC706 FPGA board: the arithmetic alone",
        source="You et al., ShiftAddNet, NeurIPS 2020: unit energies of multiply, add and shift "
        "on a ZYNQ-7 ZC706, FP32 multiply and add, FIX32 shift, and FIX8. They were not read again "
        "in the paper; checked is that FIX32 multiplications take 196 times an addition or a shift "
        "(19.6 : 0.1), which the authors state elsewhere. Nothing is known for 16 bits, nor for "
        "memory, so neither is offered.",
        energy_pj={
            8: {"multiply": 0.2, "add": 0.1, "shift": 0.025},
            32: {"multiply": 18.8, "add": 0.4, "shift": 0.1},
        },
        word_bits=(8, 32),
    ),
    Hardware(
        name="cortex-m4",
        description="Arm Cortex-M4, M7, M33 with DSP instructions: executed instructions",
        source=_SOURCE_COUNTS
        + "Convolution: SMLAD, rounding once. Shift: no gain over it, the same kernel. Adder: "
        "USADA8, rounding once." + _SOURCE_ELEMENTWISE,
        instructions=InstructionModel(
            conv=_M4_CONV,
            shift=_M4_CONV,
            adder=_M4_ADDER,
            depthwise_conv=_M4_DEPTHWISE,
            depthwise_shift=_M4_DEPTHWISE,
            depthwise_adder=_M4_DEPTHWISE_ADDER,
            add=3.0,
            multiply=3.0,
            element=_M4_ADDER.output,
            copy=2.0,
        ),
        word_bits=(8,),
        shift_weight_bits=8,
    ),
    Hardware(
        name="cortex-m0",
        description="Arm Cortex-M0, multiplier but no DSP: executed instructions",
        source=_SOURCE_COUNTS
        + "Convolution: signed digits of the weights, listed by exponent. Shift: elements listed "
        "by exponent, power-of-two scales. Adder: a table of absolute differences."
        + _SOURCE_ELEMENTWISE,
        instructions=InstructionModel(
            conv=_M0_CONV,
            shift=_M0_SHIFT,
            adder=_M0_ADDER,
            depthwise_conv=_M0_DEPTHWISE,
            depthwise_shift=_M0_DEPTHWISE,
            depthwise_adder=_M0_DEPTHWISE_ADDER,
            add=3.0,
            multiply=3.0,
            element=_M0_SHIFT.output,
            copy=2.0,
        ),
        word_bits=(8,),
        shift_weight_bits=8,
    ),
    Hardware(
        name="rv32i",
        description="RISC-V rv32i and rv32e without multiplier: executed instructions",
        source=_SOURCE_COUNTS
        + "Convolution: signed digits of the weights, listed by exponent. Shift: elements listed "
        "by exponent, power-of-two scales. Adder: a table of absolute differences. A "
        "multiplication of two elements costs 32 instructions, which is assumed."
        + _SOURCE_ELEMENTWISE,
        instructions=InstructionModel(
            conv=_RV32I_CONV,
            shift=_RV32I_SHIFT,
            adder=_RV32I_ADDER,
            depthwise_conv=_RV32I_DEPTHWISE,
            depthwise_shift=_RV32I_DEPTHWISE_SHIFT,
            depthwise_adder=_RV32I_DEPTHWISE_ADDER,
            add=3.0,
            multiply=32.0,
            element=_RV32I_SHIFT.output,
            copy=2.0,
        ),
        word_bits=(8,),
        shift_weight_bits=8,
    ),
)

HARDWARE: dict[str, Hardware] = {target.name: target for target in _TARGETS}


def hardware(target: str | Hardware) -> Hardware:
    """Finds a target by its name.

    Args:
        target: a name in `ksa.cost.HARDWARE`, or a `Hardware`, which is returned as it is.

    Returns:
        A `Hardware`.

    Raises:
        ValueError: there is no such target.
        TypeError: `target` is neither.

    Example:

    >>> ksa.cost.hardware("cortex-m4").has_instructions
    True
    """
    if isinstance(target, Hardware):
        return target
    if not isinstance(target, str):
        raise TypeError(
            "`target` must be a name or a `Hardware`. "
            f"Received: {target!r} (of type {type(target).__name__})"
        )
    if target not in HARDWARE:
        raise ValueError(f"`target` must be one of {', '.join(HARDWARE)}. Received: {target!r}")
    return HARDWARE[target]
