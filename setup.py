"""Build of keras_shiftadd.

Metadata lives in pyproject.toml. This file says which packages there are: custom_ops/ and tuners/
stand at the top of the tree and are reached through the links keras_shiftadd/custom_ops and
keras_shiftadd/tuners, so that find_packages sees one package tree, from the repository root, in
an editable install, in a wheel and in an sdist alike.

It also compiles the kernels, where there is a compiler. The environment variable
KERAS_SHIFTADD_BUILD_OPS says what a failure means: with `auto` (default) the package is installed
without them, with `1` the installation fails, and with `0` nothing is compiled.
"""

import os
import pathlib
import runpy
import shutil
import sys

from setuptools import Command, find_packages, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build
from setuptools.errors import CompileError

ROOT = pathlib.Path(__file__).resolve().parent
OPS = pathlib.Path("keras_shiftadd", "custom_ops")
VARIABLE = "KERAS_SHIFTADD_BUILD_OPS"

builder = runpy.run_path(str(ROOT / OPS / "build.py"))["load_builder"]()


def requested():
    """What KERAS_SHIFTADD_BUILD_OPS asks for."""
    value = os.environ.get(VARIABLE, "auto")
    if value not in ("0", "auto", "1"):
        raise CompileError(f"{VARIABLE} must be one of 0, auto, 1. Received: {VARIABLE}={value}")
    return value


class build_ops(Command):
    """Compiles the kernels and the bindings of the frameworks that are installed."""

    description = "compile the kernels"
    user_options = ()

    def initialize_options(self):
        self.build_lib = None
        self.editable_mode = False

    def finalize_options(self):
        self.set_undefined_options("build_py", ("build_lib", "build_lib"))

    def run(self):
        value = requested()
        target = ROOT / OPS / "_lib" if self.editable_mode else self.target()
        if not self.editable_mode:
            # What an earlier build left there must not come into a wheel.
            shutil.rmtree(target, ignore_errors=True)
        if value == "0":
            if not (target / builder.library_file("kernels")).exists():
                reason = f"{VARIABLE}=0 asked for none when the package was installed"
                left_out = builder.State.LEFT_OUT
                outcomes = [builder.Outcome(name, left_out, reason) for name in builder.LIBRARIES]
                builder.record(outcomes, target)
            return
        try:
            outcomes = builder.build(target, folder=ROOT / OPS)
        except OSError as error:
            if value == "1":
                raise
            print(f"warning: the kernels were not built: {error}", file=sys.stderr)
            return
        builder.report(outcomes)
        if value == "1" and any(outcome.is_failure for outcome in outcomes):
            failed = [f"{outcome}\n{outcome.output}" for outcome in outcomes if outcome.is_failure]
            raise CompileError(f"{VARIABLE}=1, and not all was built.\n" + "\n".join(failed))

    def target(self):
        """Where the libraries of a wheel go."""
        return pathlib.Path(self.build_lib) / OPS / "_lib"

    def get_source_files(self):
        # They are package data, which a source distribution takes anyway.
        return []

    def get_outputs(self):
        return [str(file) for file in self.target().glob("*")]

    def get_output_mapping(self):
        return {}


class build_with_ops(build):
    """Builds the package, then the kernels."""

    sub_commands = (*build.sub_commands, ("build_ops", None))


class bdist_wheel_with_ops(bdist_wheel):
    """Names the platform in the name of a wheel that holds libraries, for every Python 3."""

    def run(self):
        if not self.skip_build:
            self.run_command("build")
        target = self.get_finalized_command("build_ops").target()
        self.root_is_pure = not any(target.glob("lib*"))
        if not self.root_is_pure:
            # Which of the two folders of an installation is the package's: the platform's.
            self.distribution.has_ext_modules = lambda: True
        super().run()

    def get_tag(self):
        python, abi, platform = super().get_tag()
        return (python, abi, platform) if self.root_is_pure else ("py3", "none", platform)


setup(
    packages=find_packages(include=["keras_shiftadd", "keras_shiftadd.*"]),
    include_package_data=False,
    package_data={
        "keras_shiftadd": ["py.typed"],
        "keras_shiftadd.custom_ops": [
            "micro/*.c",
            "micro/*.h",
            "micro/cmsis_nn/*",
            "micro/tflm/*",
            "kernels/*.h",
            "kernels/*.cc",
            "bindings/*.h",
            "bindings/*.cc",
        ],
        "keras_shiftadd.models": ["weights/*.json", "weights/*.weights.h5"],
        "keras_shiftadd.export._simulate": ["*.c", "*/*.c", "*/*.h"],
        "keras_shiftadd.export._c": ["figures.json"],
    },
    cmdclass={
        "bdist_wheel": bdist_wheel_with_ops,
        "build": build_with_ops,
        "build_ops": build_ops,
    },
)
