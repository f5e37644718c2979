"""The preset spaces, as data."""

from dataclasses import dataclass

BLOCKS = ("inverted_residual", "bottleneck")


@dataclass(frozen=True)
class Preset:
    """What a `HybridSpace` is made of, where the user does not say otherwise.

    Args:
        block: one of `BLOCKS`.
        stem_width: channels of the first convolution.
        stem_stride: its stride, for (time series, images).
        widths: choices of the number of channels, a tuple a stage.
        depths: choices of the number of blocks, a tuple a stage.
        strides: stride of the first block, an integer a stage.
        kernel_sizes: choices of the window of the spatial layer.
        expansions: choices of the ratio of hidden to outer channels.
        attention_stages: how many stages, from the last one, may choose attention.
        num_heads: attention heads.
        key_dim: channels of a head.
        total_depth: number of blocks of all stages together, or None where it is free.
    """

    block: str
    stem_width: int
    stem_stride: tuple[int, int]
    widths: tuple[tuple[int, ...], ...]
    depths: tuple[tuple[int, ...], ...]
    strides: tuple[int, ...]
    kernel_sizes: tuple[int, ...]
    expansions: tuple[int, ...]
    attention_stages: int
    num_heads: int
    key_dim: int
    total_depth: int | None


PRESETS: dict[str, Preset] = {
    # Images of about 32x32, spectrograms, time series of some hundred steps.
    "tiny": Preset(
        block="inverted_residual",
        stem_width=16,
        stem_stride=(2, 1),
        widths=((16, 24, 32), (24, 32, 48), (32, 48, 64)),
        depths=((1, 2), (1, 2, 3), (1, 2, 3)),
        strides=(2, 2, 2),
        kernel_sizes=(3, 5),
        expansions=(2, 3, 4),
        attention_stages=2,
        num_heads=2,
        key_dim=16,
        total_depth=None,
    ),
    # Images from 96x96.
    "mobile": Preset(
        block="bottleneck",
        stem_width=24,
        stem_stride=(2, 2),
        widths=((64, 96), (96, 128, 160), (160, 224, 288), (288, 384)),
        depths=((1, 2), (2, 3, 4), (2, 3, 4, 5), (1, 2, 3)),
        strides=(2, 2, 2, 2),
        kernel_sizes=(3, 5),
        expansions=(2, 4),
        attention_stages=2,
        num_heads=4,
        key_dim=16,
        total_depth=None,
    ),
    # ShiftAddNAS, section 4.1: 16 blocks at four resolutions that never increase. How many blocks
    # stand at each resolution says the same as a resolution for each block.
    "bossnas": Preset(
        block="bottleneck",
        stem_width=64,
        stem_stride=(4, 4),
        widths=((128,), (256,), (512,), (1024,)),
        depths=(tuple(range(1, 14)),) * 4,
        strides=(1, 2, 2, 2),
        kernel_sizes=(3,),
        expansions=(4,),
        attention_stages=2,
        num_heads=8,
        key_dim=32,
        total_depth=16,
    ),
}
