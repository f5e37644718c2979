"""A small space whose prices are a formula, so that a search needs no networks."""

from keras_shiftadd.cost import Cost
from keras_shiftadd.tuners import HybridSpace

_ENERGY = {"conv": 3.0, "shift": 1.0, "adder": 1.5, "attention": 2.0}


class PricedSpace(HybridSpace):
    """`HybridSpace` with prices that are quick to compute."""

    def cost(self, architecture, budget):
        self.validate(architecture)
        energy, flash, ram = 0.0, 0, 0
        width = self.stem_width
        for stage in architecture["stages"]:
            for block in stage["blocks"]:
                size = width * block.get("expansion", 1) * block.get("kernel_size", 1)
                energy += _ENERGY[block["operator"]] * size * stage["width"] / 1000
                flash += size * stage["width"]
                width = stage["width"]
                ram = max(ram, 4 * size)
        return Cost(energy_uj=energy, instructions=None, flash=flash, ram=ram)

    def cheapest(self, budget):
        stages = []
        for i, depths in enumerate(self.depths):
            block = {"kernel_size": self.kernel_sizes[0], "expansion": self.expansions[0]}
            blocks = [{"operator": "shift", **block} for _ in range(depths[0])]
            stages.append({"width": self.widths[i][0], "blocks": blocks})
        return {limit: {"stages": stages} for limit in budget.limits}


def tiny_space(**options):
    """The preset "tiny": about 10^9 architectures."""
    return PricedSpace((16, 16, 3), 10, **options)


def little_space(operators=("conv", "shift"), widths=((8, 16),), expansions=(2,)):
    """A space that is soon exhausted: operators x widths x expansions architectures."""
    return PricedSpace(
        (16, 16, 3),
        10,
        operators,
        widths=widths,
        depths=((1,),),
        strides=(2,),
        attention_stages=0,
        kernel_sizes=(3,),
        expansions=expansions,
    )


def score(architecture):
    """A score that depends on all choices: shift blocks that are wide are good."""
    total = 0.0
    for i, stage in enumerate(architecture["stages"]):
        for j, block in enumerate(stage["blocks"]):
            good = {"shift": 3, "adder": 2, "conv": 1}.get(block["operator"], 0)
            total += good * (i + 1) + 0.1 * block.get("kernel_size", 0) * (j + 1)
            total += 0.01 * block.get("expansion", 0)
        total += stage["width"] / 100
    return total
