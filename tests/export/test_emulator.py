"""The emulator: C functions on each processor, their results and their instructions."""

import pytest

from keras_shiftadd.export._simulate.block_counter import BlockCounter, CompiledBlockCounter
from keras_shiftadd.export._simulate.compilation import CompilationError, compile_program
from keras_shiftadd.export._simulate.host import HostMachine, compile_library
from keras_shiftadd.export._simulate.instruction_sizes import count_instructions
from keras_shiftadd.export._simulate.machine import Machine, SimulationError
from keras_shiftadd.export._targets import TARGETS

pytest.importorskip("ziglang", reason='needs ziglang: pip install "keras-shiftadd[micro]"')
pytest.importorskip("unicorn", reason='needs unicorn: pip install "keras-shiftadd[micro]"')
pytestmark = pytest.mark.once

CORES = {name: target.core for name, target in TARGETS.items() if target.core is not None}
WITHOUT_CONDITIONS = ("cortex-m0", "rv32i", "rv32im")

SOURCE = """
#include <stdint.h>
#include <string.h>

static const int8_t table[4] = {1, -2, 3, -4};
int32_t calls;

int32_t dot(const int8_t *x, const int8_t *y, int32_t n)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

__attribute__((noinline)) static int32_t first(int32_t n) { return dot(table, table, n); }
__attribute__((noinline)) static int32_t second(int32_t n) { return dot(table, table + 1, n); }

int32_t both(int32_t n) { calls++; return first(n) - 10 * second(n); }

int64_t wide(int32_t a, int32_t b) { return (int64_t)a * b >> 31; }

int32_t six(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f)
{
    return a + 2 * b + 4 * c + 8 * d + 16 * e + 32 * f;
}

void copy(int8_t *to, const int8_t *from, int32_t n) { memcpy(to, from, (uint32_t)n); }

int32_t deep(void)
{
    volatile int8_t buffer[512];
    for (int32_t i = 0; i < 512; i++)
        buffer[i] = 1;
    return buffer[7];
}

int32_t nowhere(void) { return *(volatile int32_t *)0x40000000; }
"""
ROOTS = ("dot", "both", "six", "wide", "copy", "deep", "nowhere")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    file = tmp_path_factory.mktemp("source") / "functions.c"
    file.write_text(SOURCE)
    return file


@pytest.fixture(scope="module")
def machines(source):
    made = {}

    def machine(name):
        if name not in made:
            core = CORES[name]
            program = compile_program([source], core, source.with_name(f"{name}.elf"), ROOTS)
            made[name] = Machine(program, core, stages=("first", "second"))
        return made[name]

    return machine


@pytest.mark.parametrize("name", CORES)
class TestEachCore:
    def test_results_and_memory(self, name, machines):
        machine = machines(name)
        x, y = machine.place(bytes([1, 2, 253])), machine.place(bytes([5, 250, 7]))
        assert machine.call("dot", x, y, 3).result == 5 - 12 - 21
        assert machine.call("six", 1, -1, 1, 1, 1, -1).result == 1 - 2 + 4 + 8 + 16 - 32
        assert machine.call("wide", -(2**31), 5).result == -5
        content = bytes(range(200))
        start, end = machine.place(content), machine.place(bytes(200))
        machine.call("copy", end, start, 200)
        assert machine.read(end, 200) == content

    def test_counts_equal_those_of_single_steps(self, name, machines):
        import unicorn

        steps = []
        stepped = Machine(machines(name).program, CORES[name])
        # What is called for each instruction; slow, and therefore not how they are counted.
        stepped._emulator.hook_add(
            unicorn.UC_HOOK_CODE, lambda emulator, address, size, data: steps.append(size)
        )
        counted = stepped.call("both", 3).instructions
        assert counted == machines(name).call("both", 3).instructions
        # Steps leave out an instruction of an Arm IT block whose condition does not hold.
        skipped = 0 if name in WITHOUT_CONDITIONS else 3 * 3
        assert len(steps) <= counted <= len(steps) + skipped

    def test_parts_add_up(self, name, machines):
        both = machines(name).call("both", 3)
        assert both.result == (1 + 4 + 9) - 10 * (-2 - 6 - 12)
        assert sum(both.by_function.values()) == both.instructions
        assert sum(both.by_stage.values()) == both.instructions
        assert set(both.by_stage) == {"", "first", "second"}
        assert both.by_function["both"] > 0

    def test_stack(self, name, machines):
        assert 512 <= machines(name).call("deep").stack < 640

    def test_a_wrong_address_is_an_error(self, name, machines):
        with pytest.raises(SimulationError, match="nowhere stopped"):
            machines(name).call("nowhere")


def test_the_compiled_counter_counts_as_the_python_one_does(machines, monkeypatch):
    def attach(emulator, stages):
        counter = BlockCounter(stages)
        counter.attach(emulator)
        return counter

    compiled = machines("rv32i")
    assert isinstance(compiled._counter, CompiledBlockCounter)
    monkeypatch.setattr("keras_shiftadd.export._simulate.machine.attach_counter", attach)
    plain = Machine(compiled.program, CORES["rv32i"], stages=("first", "second"))
    for n in (3, 1):
        assert plain.call("both", n) == compiled.call("both", n)


def test_variables_are_found_on_cores_and_on_the_host(source, machines, tmp_path):
    machine = machines("cortex-m4")
    before = machine.read(machine.variable("calls"), 4)[0]
    machine.call("both", 1)
    assert machine.read(machine.variable("calls"), 4)[0] == before + 1
    compile_library([source], tmp_path / "functions.so")
    host = HostMachine(tmp_path / "functions.so")
    assert host.call("both", 3) == (1 + 4 + 9) - 10 * (-2 - 6 - 12)
    assert host.read(host.variable("calls"), 4) == bytes([1, 0, 0, 0])


def test_a_compiler_error_is_quoted(tmp_path):
    file = tmp_path / "wrong.c"
    file.write_text("int wrong(void) { return missing; }\n")
    with pytest.raises(CompilationError, match="missing"):
        compile_program([file], CORES["cortex-m4"], tmp_path / "wrong.elf", ["wrong"])


def test_what_is_not_called_is_left_out(source, tmp_path):
    core = CORES["cortex-m4"]
    one = compile_program([source], core, tmp_path / "one.elf", ["dot"])
    assert "dot" in one.functions
    assert "both" not in one.functions
    assert 0 < one.bytes_in(".text") < 200


def test_instructions_of_two_sizes_are_told_apart():
    assert count_instructions(bytes.fromhex("00bfaff300807047"), "thumb") == 3
    assert count_instructions(bytes.fromhex("0100130000008280"), "riscv") == 3
    with pytest.raises(ValueError, match="within"):
        count_instructions(bytes.fromhex("130000000100")[:-2] + b"\x13\x00", "riscv")
