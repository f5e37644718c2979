"""The kernels under AddressSanitizer and UndefinedBehaviorSanitizer, on random convolutions."""

import os
import pathlib
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops._builder import _libraries

SOURCES = pathlib.Path(ksa.custom_ops.__file__).resolve().parent
DRIVERS = pathlib.Path(__file__).resolve().parent / "kernels"
SANITIZED = (
    "-std=c++17",
    "-g1",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-pthread",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    f"-I{SOURCES / 'kernels'}",
)
KERNELS = (*SANITIZED, "-O0")  # compiles in less than half of the time of -O1
REFERENCES = (*SANITIZED, "-O1")  # of the drivers: their plain loops run long
CASES = 20_000
CUSTOM_CASES = 5_000

pytestmark = pytest.mark.once


def run(*command):
    return subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.fixture(scope="module")
def compiler(tmp_path_factory):
    name = next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    if name is None:
        pytest.skip("a C++ compiler is missing: apt install g++")
    folder = tmp_path_factory.mktemp("probe")
    (folder / "probe.cc").write_text("int main() { return 0; }\n")
    probe = run(name, "-fsanitize=address,undefined", folder / "probe.cc", "-o", folder / "probe")
    if probe.returncode:
        pytest.skip("the compiler's sanitizers are missing: apt install libasan8 libubsan1")
    return name


@pytest.fixture(scope="module")
def objects(compiler, tmp_path_factory):
    """The kernels, compiled with sanitizers."""
    folder = tmp_path_factory.mktemp("objects")
    files = [
        file
        for file in _libraries.LIBRARIES[_libraries.KERNELS].sources(SOURCES)
        if file.stem != "manifest"
    ]
    # The largest first, so that the last one does not run alone.
    files.sort(key=lambda file: "avx" not in file.stem)

    def compile_one(file):
        target = folder / f"{file.stem}.o"
        flags = _libraries.file_flags(file)
        done = run(compiler, *KERNELS, "-fPIC", *flags, "-c", file, "-o", target)
        assert done.returncode == 0, done.stdout
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, files))


@pytest.mark.parametrize("driver", ["fuzz_f32", "fuzz_int8"])
def test_random_convolutions_are_right_and_clean(driver, compiler, objects, tmp_path):
    program = tmp_path / driver
    built = run(compiler, *REFERENCES, DRIVERS / f"{driver}.cc", *objects, "-o", program)
    assert built.returncode == 0, built.stdout
    done = run(program, CASES, 20)
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{CASES} cases" in done.stdout


def test_custom_operators_of_both_runtimes_agree_and_are_clean(compiler, objects, tmp_path):
    micro = [SOURCES / "micro" / f"{name}.c" for name in _libraries.LIBRARIES["litert"].micro]
    printed = []
    for flags, kernels in (((), objects), (("-DSHIFTADD_TFLITE_MICRO",), ())):
        program = tmp_path / f"fuzz_tflite{len(flags)}"
        flags = (*REFERENCES, f"-I{SOURCES}", *flags)
        files = (DRIVERS / "fuzz_tflite.cc", *micro, *kernels)
        built = run(compiler, *flags, *files, "-o", program)
        assert built.returncode == 0, built.stdout
        done = run(program, CUSTOM_CASES, 20)
        assert done.returncode == 0, done.stdout[-4000:]
        printed.append(done.stdout.partition(";")[0])
    assert printed[0] == printed[1]
    assert f"{CUSTOM_CASES} cases" in printed[0]
