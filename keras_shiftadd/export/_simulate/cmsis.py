"""A copy of CMSIS-NN, which a folder of generated C may call."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cmsis:
    """Where its files lie.

    Args:
        nn: The folder of CMSIS-NN, with `Include` and `Source` in it.
        core: The folder of CMSIS-Core, with `Include` in it.

    Raises:
        FileNotFoundError: If they are not there.
    """

    nn: Path
    core: Path

    def __post_init__(self) -> None:
        for file in (
            self.nn / "Include" / "arm_nnfunctions.h",
            self.core / "Include" / "cmsis_compiler.h",
        ):
            if not file.is_file():
                raise FileNotFoundError(
                    "`cmsis` must be the folders of CMSIS-NN and of CMSIS-Core. "
                    f"Received: folders without {file}."
                )

    @property
    def sources(self) -> list[Path]:
        """Its C files."""
        return sorted((self.nn / "Source").glob("*/*.c"))

    @property
    def include(self) -> list[Path]:
        """Folders of its headers."""
        return [self.nn / "Include", self.core / "Include"]
