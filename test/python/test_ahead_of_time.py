# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Code compiled ahead of time: the bits of code in memory, with nothing but the runtime, from Python and from C."""

from __future__ import annotations

import ctypes
import os
import pathlib
import re
import subprocess
import sys
import textwrap
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import steelyard
from corpus import PROGRAMS
from steelyard import _abi
from steelyard._runtime import compile_library
from workloads.digits import ahead_of_time, model

REPOSITORY = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build")).resolve()
COMPILE, RUN = BUILD / "bin/steelyard-compile", BUILD / "bin/steelyard-run"
SCHEMES = {
    "float32": None,
    "fp16": steelyard.Scalify(matmul=None),
    "fp8": steelyard.Scalify(),
    "fp8-delayed": steelyard.Recipe("fp8-delayed"),
}
MODULE = """
func.func @main(%x: tensor<4x3xf32>, %y: tensor<3xf32>) -> (tensor<4x3xf32>, tensor<4xi1>) {
  %0 = stablehlo.broadcast_in_dim %y, dims = [1] : (tensor<3xf32>) -> tensor<4x3xf32>
  %1 = stablehlo.multiply %x, %0 : tensor<4x3xf32>
  %2 = stablehlo.exponential %1 : tensor<4x3xf32>
  %i = stablehlo.constant dense<0.0> : tensor<f32>
  %3 = stablehlo.reduce(%2 init: %i) applies stablehlo.add across dimensions = [1]
    : (tensor<4x3xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = stablehlo.is_finite %3 : (tensor<4xf32>) -> tensor<4xi1>
  return %2, %4 : tensor<4x3xf32>, tensor<4xi1>
}
func.func @negate(%x: tensor<2xi32>) -> tensor<2xi32> {
  %0 = stablehlo.negate %x : tensor<2xi32>
  return %0 : tensor<2xi32>
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("library")
    (folder / "module.mlir").write_text(MODULE)
    path = folder / "module.so"
    subprocess.run([COMPILE, folder / "module.mlir", "-o", path], check=True)
    assert sorted(os.listdir(folder)) == ["module.mlir", "module.so"]
    return path


def digits() -> tuple[tuple[Any, ...], list[tuple[Any, Any]]]:
    """State before the first step, and batches."""
    random = np.random.default_rng(0)
    parameters = model.initialise(0)
    zeros = jax.tree.map(np.zeros_like, parameters)
    batches = [
        (random.random((128, 64), np.float32), np.eye(10, dtype="f4")[random.integers(0, 10, 128)]) for _ in range(12)
    ]
    return (parameters, zeros, zeros, np.float32(0)), batches


def jitted(name: str) -> Any:
    return steelyard.jit(model.step, scheme=SCHEMES[name], donate_argnums=(0, 1, 2, 3))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_training_gives_the_same_bits(scheme: str, tmp_path: pathlib.Path) -> None:
    state, batches = digits()
    step = jitted(scheme)
    step.save(tmp_path / "step.so", *state, *batches[0], np.float32(1))
    loaded = steelyard.load(tmp_path / "step.so")["main"]
    flat = jax.tree.leaves(state)
    for x, y in batches:
        *state, loss = step(*state, x, y, np.float32(1))
        *flat, again = loaded(*flat, x, y, np.float32(1))
        assert loss == again
    scaled = lambda value: isinstance(value, steelyard.ScaledArray)  # noqa: E731
    for ours, theirs in zip(jax.tree.leaves(state, is_leaf=scaled), flat, strict=True):
        assert type(ours) is type(theirs)
        if scaled(ours):
            assert (ours.exponent, ours.form, ours.dtype) == (theirs.exponent, theirs.form, theirs.dtype)
            ours, theirs = ours.data, theirs.data
        np.testing.assert_array_equal(ours, theirs)
    assert step.recipe_state.keys() == loaded.recipe_state.keys()
    for name, value in step.recipe_state.items():
        np.testing.assert_array_equal(value, loaded.recipe_state[name])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_c_program_trains_without_python(scheme: str, tmp_path: pathlib.Path) -> None:
    """Nor LLVM: with an empty environment, and libsteelyard_rt alone beside the code."""
    state, batches = digits()
    step = jitted(scheme)
    inputs = [(*batch, np.float32(1)) for batch in batches]
    function = ahead_of_time.write(tmp_path, step, state, inputs)
    ahead_of_time.build(tmp_path)
    needed = subprocess.run(["ldd", tmp_path / "train"], check=True, capture_output=True, text=True).stdout
    assert "libsteelyard_rt.so.3" in needed and not re.search("python|LLVM|MLIR", needed)
    losses = []
    for batch in inputs:
        *state, loss = step(*state, *batch)
        losses.append(float(np.asarray(loss)))
    assert ahead_of_time.run(tmp_path, len(inputs)) == losses
    leaves = jax.tree.leaves(state)
    for ours, theirs in zip(ahead_of_time.state_after(tmp_path, function), leaves, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_the_demo_is_trained_by_c(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "workloads.digits.ahead_of_time", "--epochs", "3", "--output-dir"]
    ran = subprocess.run([*command, tmp_path / "out"], capture_output=True, text=True)
    assert ran.returncode == 0 and "losses have the same bits as those in Python" in ran.stdout, ran.stderr
    assert float(re.search(r"test accuracy ([\d.]+) %", ran.stdout)[1]) > 80  # type: ignore[index]
    (tmp_path / "file").write_text("")
    assert subprocess.run([*command, tmp_path / "file/out"], capture_output=True).returncode == 1


def test_what_the_c_program_refuses(tmp_path: pathlib.Path) -> None:
    state, batches = digits()
    inputs = [(*batches[0], np.float32(1))]
    ahead_of_time.write(tmp_path, jitted("float32"), state, inputs)
    ahead_of_time.build(tmp_path)
    with pytest.raises(steelyard.RunError, match="has another size"):
        ahead_of_time.run(tmp_path, 2)
    (tmp_path / "0.bin").unlink()
    with pytest.raises(steelyard.RunError, match="0.bin: can't be opened"):
        ahead_of_time.run(tmp_path, 1)
    (tmp_path / "step.so").write_bytes(b"")
    with pytest.raises(steelyard.RunError, match="is no shared library"):
        ahead_of_time.run(tmp_path, 1)


@pytest.mark.parametrize("name", list(PROGRAMS)[::12])
def test_programs_of_the_corpus(name: str, tmp_path: pathlib.Path) -> None:
    function, arguments = PROGRAMS[name]
    compiled = steelyard.jit(function, scheme=SCHEMES["fp16"])
    want = jax.tree.leaves(compiled(*arguments))
    compiled.save(tmp_path / "program.so", *arguments)
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(arguments)]
    got = steelyard.load(tmp_path / "program.so")(*leaves)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g, np.asarray(w))


def test_functions_of_a_library(library: pathlib.Path) -> None:
    loaded = steelyard.load(library)
    assert list(loaded) == ["main", "negate"] and loaded.target == "cpu" and loaded.processor
    x, y = np.float32([[1, 2, 3]] * 4), np.float32([0.5, 0, -1])
    got, finite = loaded(x, y)
    np.testing.assert_allclose(got, np.exp(x * y), rtol=1e-6)
    assert finite.dtype == np.bool_ and finite.all()
    np.testing.assert_array_equal(loaded["negate"](np.int32([1, -2]))[0], [-1, 2])
    np.testing.assert_array_equal(loaded(jnp.asarray(x), y)[0], got)  # DLPack
    np.testing.assert_array_equal(loaded(np.asfortranarray(x), y)[0], got)
    assert "negate" in repr(loaded) and "f32[4, 3], f32[3]" in repr(loaded["main"])


def test_only_the_runtime_and_the_c_library_are_needed(library: pathlib.Path) -> None:
    undefined = subprocess.run(["nm", "-D", "-u", library], check=True, capture_output=True, text=True).stdout
    for symbol in re.findall(r"\b[Uw] (\w+)", undefined):
        assert re.match(r"steelyard_|_ZGV|mem(cpy|set|move)$|[a-z0-9]+f?$", symbol), symbol
    defined = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    assert re.findall(r"\b[A-Z] (\w+)", defined) == ["steelyard_executable_description"]
    needed = subprocess.run(["readelf", "-d", library], check=True, capture_output=True, text=True).stdout
    libraries = set(re.findall(r"NEEDED.*\[(.*?)\.so", needed))
    assert libraries <= {"libsteelyard_rt", "libmvec", "libm", "libc"}, libraries


def test_python_without_jax_and_the_compiler(library: pathlib.Path) -> None:
    """No JAX, no ml_dtypes, no native module: their imports fail."""
    program = f"""
        import sys
        for name in ("jax", "jaxlib", "ml_dtypes", "steelyard._native"):
            sys.modules[name] = None
        import numpy as np, steelyard
        loaded = steelyard.load({os.fspath(library)!r})
        print(loaded["negate"](np.int32([3, 4]))[0].tolist())
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert ran.stdout == "[-3, -4]\n", ran.stderr


def test_steelyard_run_takes_libraries(library: pathlib.Path, tmp_path: pathlib.Path) -> None:
    np.save(tmp_path / "x.npy", np.int32([5, -6]))
    command = [RUN, library, "--entry", "negate", "--input", tmp_path / "x.npy", "--output-dir", tmp_path / "out"]
    assert subprocess.run(command).returncode == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out/0.npy"), [-5, 6])
    ran = subprocess.run([*command, "--scheme", "scalify"], capture_output=True, text=True)
    assert ran.returncode == 1 and "--scheme and --dump come too late" in ran.stderr


#: What the runtime asks for of x86-64-v3, and of v4 above it, in Linux's names; v2 every processor has.
V3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm"}
LEVELS: dict[str, set[str]] = {
    "x86-64": set(),
    "x86-64-v2": set(),
    "x86-64-v3": V3,
    "x86-64-v4": V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}


@pytest.mark.parametrize("cpu", LEVELS)
def test_processors(cpu: str, tmp_path: pathlib.Path) -> None:
    """Code for others than this one; the bits of another processor with the same instructions are the same."""
    if os.uname().machine != "x86_64":
        pytest.skip("processors of x86-64")
    function = steelyard.jit(lambda x: jnp.exp(x).sum(-1))
    x = np.random.default_rng(0).standard_normal((64, 64), np.float32)
    function.save(tmp_path / "f.so", x, cpu=cpu)
    if not LEVELS[cpu] <= set(pathlib.Path("/proc/cpuinfo").read_text().split()):
        with pytest.raises(steelyard.RunError, match=f"'{cpu}'; this one lacks "):
            steelyard.load(tmp_path / "f.so")
        return
    loaded = steelyard.load(tmp_path / "f.so")
    assert loaded.processor == cpu
    np.testing.assert_allclose(loaded(x)[0], np.exp(x).sum(-1), rtol=1e-5)


def test_a_processor_that_lacks_something(tmp_path: pathlib.Path) -> None:
    """Some processor has what this one has not: avx512fp16 or, where it has that, none is asked for."""
    function = steelyard.jit(lambda x: x + 1)
    function.save(tmp_path / "f.so", np.zeros(3, "f4"), cpu="sapphirerapids")
    features = pathlib.Path("/proc/cpuinfo").read_text()
    if "avx512_fp16" in features and "avx_vnni" in features:
        assert steelyard.load(tmp_path / "f.so").processor == "sapphirerapids"
        return
    with pytest.raises(steelyard.RunError, match="compiled for the processor 'sapphirerapids'; this one lacks .*avx"):
        steelyard.load(tmp_path / "f.so")
    ran = subprocess.run([RUN, tmp_path / "f.so"], capture_output=True, text=True)
    assert ran.returncode == 1 and "this one lacks" in ran.stderr


def test_structures_are_the_header_s(tmp_path: pathlib.Path) -> None:
    """Sizes, offsets and numbers of what Python declares of the C ABI, as the C compiler has them of steelyard.h."""
    structures = {
        "steelyard_error": _abi.Error,
        "steelyard_value": _abi.Value,
        "steelyard_function": _abi.Function,
        "steelyard_context_options": _abi.ContextOptions,
    }
    want = {f"sizeof({name})": ctypes.sizeof(structure) for name, structure in structures.items()}
    for name, structure in structures.items():
        for field, *_ in structure._fields_:
            want[f"offsetof({name}, {field})"] = getattr(structure, field).offset
            want[f"sizeof((({name} *)0)->{field})"] = getattr(structure, field).size
    want["STEELYARD_ABI_VERSION >> 16"] = _abi.ABI_MAJOR
    want["STEELYARD_OK"], want["STEELYARD_NOT_FOUND"] = _abi.OK, _abi.NOT_FOUND
    want["STEELYARD_RESOURCE_EXHAUSTED"] = _abi.RESOURCE_EXHAUSTED
    want["STEELYARD_VALUE_RECIPE_STATE"], want["STEELYARD_VALUE_OBSERVED"] = _abi.RECIPE_STATE, _abi.OBSERVED
    lines = "".join(f'  printf("%zu\\n", (size_t)({expression}));\n' for expression in want)
    headers = "#include <stddef.h>\n#include <stdio.h>\n#include <steelyard/Runtime/steelyard.h>\n"
    (tmp_path / "sizes.c").write_text(f"{headers}int main(void) {{\n{lines}  return 0;\n}}\n")
    compiler = os.environ.get("CC") or "cc"
    subprocess.run([compiler, "-I", REPOSITORY / "include", tmp_path / "sizes.c", "-o", tmp_path / "sizes"], check=True)
    got = subprocess.run([tmp_path / "sizes"], check=True, capture_output=True, text=True).stdout
    assert dict(zip(want, map(int, got.split()), strict=True)) == want


def test_bad_calls(library: pathlib.Path) -> None:
    loaded = steelyard.load(library)
    x, y = np.zeros((4, 3), "f4"), np.zeros(3, "f4")
    for arrays, message in [
        ((x,), "takes 2 arrays, got 1"),
        ((x, np.zeros(4, "f4")), r"argument 1 of main is f32\[3\], got an array of shape \[4\]"),
        ((x.astype("f8"), y), r"argument 0 of main is f32\[4, 3\], got float64\[4, 3\]"),
        ((x, "text"), "argument 1 of main is"),
        ((x, None), "argument 1 of main is"),
    ]:
        with pytest.raises(steelyard.RunError, match=message):
            loaded(*arrays)
    with pytest.raises(KeyError):
        loaded["other"]


def test_what_is_no_library(tmp_path: pathlib.Path, library: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError):
        steelyard.load(tmp_path / "none.so")
    (tmp_path / "text.so").write_text("module {}")
    (tmp_path / "cut.so").write_bytes(library.read_bytes()[:3000])
    (tmp_path / "empty.so").write_bytes(b"")
    for name in ("text.so", "cut.so", "empty.so", "."):
        with pytest.raises(steelyard.RunError):
            steelyard.load(tmp_path / name)
    with pytest.raises(steelyard.RunError, match="is a shared library, but no executable"):
        steelyard.load(BUILD / "lib/libsteelyard_rt.so")


def test_what_cannot_be_written(tmp_path: pathlib.Path) -> None:
    (tmp_path / "module.mlir").write_text(MODULE)

    def run(*arguments: Any, **environment: str) -> str:
        ran = subprocess.run([COMPILE, *arguments], capture_output=True, text=True, env=os.environ | environment)
        assert ran.returncode == 1
        return ran.stderr

    source = tmp_path / "module.mlir"
    assert "No such file or directory" in run(source, "-o", tmp_path / "none/x.so")
    assert "is no processor" in run(source, "-o", tmp_path / "x.so", "--cpu=pentium9")
    assert "there is no target 'abacus'; targets are cpu, cuda" in run(source, "-o", tmp_path / "x.so", "--target=abacus")
    assert "CC names 'no-such-compiler'" in run(source, "-o", tmp_path / "x.so", CC="no-such-compiler")
    assert "no linker: install gcc or clang" in run(source, "-o", tmp_path / "x.so", PATH=os.fspath(tmp_path), CC="")
    assert "could not link it" in run(source, "-o", tmp_path / "x.so", CC="false")
    (tmp_path / "bad.mlir").write_text("func.func @main() { nonsense }")
    assert re.search('bad.mlir"?:1:', run(tmp_path / "bad.mlir", "-o", tmp_path / "x.so"))
    assert sorted(os.listdir(tmp_path)) == ["bad.mlir", "module.mlir"]


@pytest.mark.parametrize("cpu", ["x86-64-v2", "x86-64-v3"])
def test_what_brings_its_rounding_to_bfloat16(cpu: str, tmp_path: pathlib.Path) -> None:
    """Where the processor has no instruction for it LLVM calls a function that older compilers' libraries lack."""
    text = """func.func @main(%x: tensor<bf16>, %y: tensor<bf16>) -> (tensor<bf16>, tensor<bf16>) {
      %0 = stablehlo.abs %x : tensor<bf16>
      %1 = stablehlo.maximum %x, %y : tensor<bf16>
      return %0, %1 : tensor<bf16>, tensor<bf16>
    }"""
    compile_library(text, "", cpu, "module", str(tmp_path / "module.so"))
    function = steelyard.load(tmp_path / "module.so")["main"]
    for x, y in ((-1.5, 3.0), (2.0**-130, -1.0), (-np.inf, np.inf), (np.nan, 1.0), (-0.0, 0.0)):
        given = [np.array(value, ml_dtypes.bfloat16) for value in (x, y)]
        want = [np.abs(given[0]), np.maximum(*given)]
        np.testing.assert_array_equal(np.asarray(function(*given), np.float32), np.asarray(want, np.float32))
