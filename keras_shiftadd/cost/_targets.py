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
    "Executed instructions counted in QEMU 7.2, GCC 12 -O3, int8, patch gathering and "
    "requantisation included, for two kernels of 8192 outputs: 3x3 on 16x16x16 and 1x1 on "
    "16x16x32. A line through the two gives instructions a step and an output. "
)
_SOURCE_ELEMENTWISE = (
    " Layers without inner products: an element written costs the cheapest output of the "
    "kernels; 3 instructions an addition or comparison and 2 a copied element are assumed."
)

# CMSIS-NN takes 2,515,897 and 694,579 on a Cortex-M4: the best convolution is the one to beat.
_M4_CONV = KernelInstructions.fitted(spatial=1_598_533, pointwise=660_049)
_M4_ADDER = KernelInstructions.fitted(spatial=656_718, pointwise=225_238)
_M0_CONV = KernelInstructions.fitted(spatial=8.42e6, pointwise=2.38e6)
_M0_SHIFT = KernelInstructions.fitted(spatial=3.79e6, pointwise=1.53e6)
_M0_ADDER = KernelInstructions.fitted(spatial=8.42e6, pointwise=2.38e6, factor=1.27)
_RV32I_CONV = KernelInstructions.fitted(spatial=10.3e6, pointwise=2.44e6)
_RV32I_SHIFT = KernelInstructions.fitted(spatial=2.68e6, pointwise=1.05e6)
_RV32I_ADDER = KernelInstructions.fitted(spatial=10.3e6, pointwise=2.44e6, factor=1 / 1.5)

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
        + "Convolution: the best one measured (SMLAD, 1,598,533 and 660,049; CMSIS-NN takes "
        "2,515,897 and 694,579). Shift: no gain over it, the same figures. Adder: USADA8, "
        "hand-scheduled, rounding once (656,718 and 225,238). The convolution requantises as "
        "TFLite does; one as tuned as the adder everywhere would take 1.5 to 2.1 times the "
        "adder's instructions." + _SOURCE_ELEMENTWISE,
        instructions=InstructionModel(
            conv=_M4_CONV,
            shift=_M4_CONV,
            adder=_M4_ADDER,
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
        + "Convolution: CMSIS-NN (8.42M and 2.38M). Shift: grouped by exponent, 8 pixels "
        "(3.79M and 1.53M). Adder: 1.27 times the convolution, as measured as a whole."
        + _SOURCE_ELEMENTWISE,
        instructions=InstructionModel(
            conv=_M0_CONV,
            shift=_M0_SHIFT,
            adder=_M0_ADDER,
            add=3.0,
            multiply=3.0,
            element=_M0_CONV.output,
            copy=2.0,
        ),
        word_bits=(8,),
        shift_weight_bits=8,
    ),
    Hardware(
        name="rv32i",
        description="RISC-V rv32i and rv32e without multiplier: executed instructions",
        source=_SOURCE_COUNTS
        + "Convolution: the best one without a multiplier (table of quarter squares, 10.3M and "
        "2.44M). Shift: grouped by exponent, 8 pixels (2.68M and 1.05M). Adder: 1.5 times fewer "
        "than the convolution, the lower end of the measured 1.5 to 2. A multiplication of two "
        "elements costs a step of the convolution." + _SOURCE_ELEMENTWISE,
        instructions=InstructionModel(
            conv=_RV32I_CONV,
            shift=_RV32I_SHIFT,
            adder=_RV32I_ADDER,
            add=3.0,
            multiply=_RV32I_CONV.step,
            element=_RV32I_ADDER.output,
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
