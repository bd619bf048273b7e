# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad input, from outside: each is a clear error that says where, never a crash and never silence."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steelyard

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build"))
X = np.linspace(0.1, 0.9, 6, dtype="f4")
SCHEMES = [None, steelyard.Scalify()]


def run(*command: str | os.PathLike[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """A program to its end; a signal that ended it (a crash) fails the test."""
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode >= 0, f"ended by signal {-done.returncode}: {done.stderr}"
    assert "Stack dump" not in done.stderr and "PLEASE submit a bug" not in done.stderr, done.stderr
    return done


# Operations outside the supported set: as JAX functions.


@pytest.mark.parametrize("scheme", SCHEMES, ids=["plain", "Scalify"])
@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: jnp.fft.rfft(x).imag, "stablehlo.imag"),
        (lambda x: jnp.fft.fft(x).real, "stablehlo.real"),
        (lambda x: jnp.linalg.cholesky(jnp.outer(x, x)), "lapack_spotrf_ffi"),
        (lambda x: jnp.linalg.inv(jnp.outer(x, x)), ""),
        (lambda x: jax.debug.print("{}", x) or x, "xla_ffi_python_cpu_callback"),
        (lambda x: jax.lax.cond(x[0] > 0, lambda v: jnp.fft.fft(v).real, lambda v: v, x), "stablehlo.real"),
        (jnp.linalg.eigvalsh, ""),
    ],
    ids=[
        "rfft", "fft", "custom_call", "inv", "print", "in a branch",
        "without a lambda",
    ],
)  # fmt: skip
def test_an_operation_that_is_not_supported(
    function: Callable[..., Any], name: str, scheme: steelyard.Scheme | None
) -> None:
    """The error names the operation and the line here that asks for it: of the function, or of its call."""
    x = np.outer(X, X) if function is jnp.linalg.eigvalsh else X
    with pytest.raises(steelyard.CompileError, match=rf"(?s)^{re.escape(__file__)}:\d+: .*{name}.* is not supported"):
        steelyard.jit(function, scheme=scheme)(x)


REGION = """module @jit_f {
  func.func public @main(%arg0: tensor<4xf32> loc("x")) -> tensor<4xf32> {
    %0 = call @inner(%arg0) : (tensor<4xf32>) -> tensor<4xf32> loc(#loc4)
    return %0 : tensor<4xf32> loc(#loc4)
  } loc(#loc)
  func.func private @inner(%arg0: tensor<4xf32> loc(unknown)) -> tensor<4xf32> {
    %0 = "stablehlo.nothing"(%arg0) <{text = "}) \\" ("}> ({
    ^bb0(%arg1: tensor<f32> loc(unknown), %arg2: tensor<f32> loc(unknown)):
      %1 = stablehlo.add %arg1, %arg2 : tensor<f32> loc(#loc2)
      stablehlo.return %1 : tensor<f32> loc(#loc2)
    }) : (tensor<4xf32>) -> tensor<4xf32> loc(#loc3)
    return %0 : tensor<4xf32> loc(#loc)
  } loc(#loc)
} loc(#loc)
#loc = loc(unknown)
#loc1 = loc("mine.py":20:5 to :9)
#loc2 = loc("jit(f)/add"("mine.py":11:1))
#loc3 = loc("jit(f)/nothing"(#loc1))
#loc4 = loc("mine.py":30:5)
"""
WITH_ATTRIBUTE = REGION.replace('<{text = "}) \\" ("}>', "<{alias = #stablehlo.nothing<a = [1]>}>")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (REGION, 20),
        (REGION.replace("stablehlo.add", "stablehlo.nothing"), 11),
        (WITH_ATTRIBUTE.replace("loc(#loc3)", "loc(#loc)"), 30),
        (WITH_ATTRIBUTE, 20),
        (REGION.replace("tensor<4xf32>) -> tensor<4xf32> loc(#loc3)", "f99) -> f99 loc(#loc3)"), 20),
        (REGION.replace("@inner(%arg0) :", "@inner(%arg7) :"), 30),
        (REGION.replace('"mine.py":20:5 to :9', "#loc3"), 30),
    ],
    ids=["region", "inside", "caller", "attribute", "type", "operand", "cycle"],
)
def test_an_error_of_the_parser_names_the_line_of_python(text: str, line: int) -> None:
    with pytest.raises(steelyard.CompileError, match=rf"^mine\.py:{line}: .*error: "):
        steelyard.compile(text)


# Modules as text.

ADD = """func.func @main(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.add %a, %b : tensor<4xf32>
  return %0 : tensor<4xf32>
}"""


@pytest.mark.parametrize("scheme", SCHEMES, ids=["plain", "Scalify"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not MLIR", r"\"module\":1:1: error"),
        (ADD[:60], r"\"module\":1:\d+: error"),
        (ADD.replace("%b : ", "%c : "), r"\"module\":2:\d+: error: use of undeclared SSA value"),
        (ADD.replace("stablehlo.add", "arith.addf"), r"\"module\":2:\d+: error: 'arith.addf'"),
        (ADD.replace(": tensor<4xf32>\n", ": tensor<5xf32>\n"), r"\"module\":2:\d+: error"),
        (ADD.replace("4xf32", "?xf32"), r"\"module\":\d:\d+: error: .*static shape"),
        (ADD.replace("4xf32", "*xf32"), r"\"module\":\d:\d+: error"),
        (ADD.replace("4xf32", "4xf80"), r"\"module\":2:\d+: error: .*float of 4 to 64 bits"),
        (ADD.replace("4xf32", "4xi3"), r"\"module\":2:\d+: error: .*signed integer of 2 to 64 bits"),
        (ADD.replace("4xf32", "4xcomplex<f32>"), r"\"module\":\d:\d+: error: .*complex elements"),
        (ADD.replace("4xf32", "4294967296x4294967296xf32"), r"\"module\":2:\d+: error: .*more elements"),
        ("", "no public function"),
        ("module {}", "no public function"),
        ("func.func @main(%a: memref<4xf32>) { return }", r"\"module\":1:\d+: error: @main takes or returns"),
        ("\0", "error"),
    ],
)
def test_a_bad_module(text: str, message: str, scheme: steelyard.Scheme | None) -> None:
    with pytest.raises(steelyard.CompileError, match=message):
        steelyard.compile(text, scheme=scheme)


def test_a_bad_file_is_named(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "mine.mlir"
    path.write_text(ADD.replace("add", "nothing"))
    with pytest.raises(steelyard.CompileError, match=r"mine\.mlir\":2:\d+: error"):
        steelyard.compile(path)


CONSTANT = """func.func @main() -> tensor<2xf32> {
  %0 = stablehlo.constant dense<1.0> : tensor<2xf32>
  return %0 : tensor<2xf32>
}"""


@pytest.mark.parametrize(("depth", "is_fine"), [(50_000, False), (1_001, False), (990, True)])
@pytest.mark.parametrize(
    ("before", "opening", "closing"),
    [
        ("func.func private @f(", "tensor<", ">"),
        ("func.func private @f(", "tuple<", ">"),
        ("", "module {", "}"),
        ("module attributes {jax.a = ", "[", "]"),
        ("module attributes {jax.a = ", "{a = ", "}"),
        ("#m = affine_map<(d) -> ", "(", ")"),
        ("module {} loc(", '"a"(', ")"),
    ],
    ids=["tensor", "tuple", "module", "array", "dictionary", "affine", "location"],
)
def test_deeply_nested_text(
    before: str, opening: str, closing: str, depth: int, is_fine: bool, tmp_path: pathlib.Path
) -> None:
    """MLIR's parser calls itself for each bracket."""
    path = tmp_path / "deep.mlir"
    path.write_text("\n" + before + opening * depth + closing * depth)
    message = r'"{}":2:\d+\)?: error: brackets are nested more than 1000 deep'
    for command in ([BUILD / "bin" / "steelyard-opt", path], [BUILD / "bin" / "steelyard-run", path]):
        done = run(*command)
        assert is_fine or (done.returncode == 1 and re.search(message.format(path), done.stderr)), done.stderr[:400]
        assert "are nested" not in done.stderr or not is_fine
    if not is_fine:
        with pytest.raises(steelyard.CompileError, match=message.format("module")):
            steelyard.compile(path.read_text())


def test_brackets_that_do_not_nest() -> None:
    """In strings, comments and arrows."""
    many = 2_000 * "[<({"
    text = CONSTANT.replace("dense<1.0>", f'{{jax.a = "{many} \\" {many}"}} dense<1.0>') + f"// {many}\n"
    lines = "".join(f"func.func private @f{i}() -> ()\n#s{i} = affine_set<(d) : (d >= 0)>\n" for i in range(2_000))
    assert steelyard.compile(text + lines)()[0].tolist() == [1, 1]


@pytest.mark.parametrize("seed", range(20))
def test_modules_with_bytes_changed(seed: int, tmp_path: pathlib.Path) -> None:
    """Whatever a damaged module says, the tools end by themselves; if with an error, they say where."""
    random = np.random.default_rng(seed)
    text = bytearray(
        jax.jit(jax.value_and_grad(lambda w: jnp.sum(jnp.tanh(w @ w)))).lower(np.ones((4, 4), "f4")).as_text(), "utf-8"
    )
    for at in random.integers(0, len(text), 1 + seed % 4):
        text[at] = random.integers(32, 127)
    path = tmp_path / "damaged.mlir"
    path.write_bytes(text)
    done = run(BUILD / "bin" / "steelyard-opt", path, "-steelyard-import", "-scalify", "-quantize", "-steelyard-cpu")
    assert done.returncode == 0 or "error" in done.stderr


# Arguments.


@pytest.mark.parametrize(
    "arguments",
    [
        (X,),
        (X, X, X),
        (X, X[:3]),
        (X.reshape(2, 3), X),
        (X.astype("f2"), X),
        (X.astype("i4"), X),
        (X.view("u4"), X),
        ("x", X),
    ],
)
def test_wrong_arguments_of_a_module(arguments: tuple[Any, ...]) -> None:
    compiled = steelyard.compile(ADD.replace("4x", "6x"))
    with pytest.raises((steelyard.RunError, TypeError), match=r"takes 2 arrays|argument [01] of main is f32\[6\]"):
        compiled(*arguments)


@pytest.mark.parametrize("scheme", SCHEMES, ids=["plain", "Scalify"])
@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((3,), (4,))])
def test_shapes_that_do_not_fit(shapes: tuple[tuple[int, ...], ...], scheme: steelyard.Scheme | None) -> None:
    with pytest.raises(TypeError):
        steelyard.jit(lambda a, b: a @ b, scheme=scheme)(*(np.ones(shape, "f4") for shape in shapes))


def test_a_symbolic_shape() -> None:
    from jax import export

    size = export.symbolic_shape("n")
    exported = export.export(jax.jit(lambda x: x + 1))(jax.ShapeDtypeStruct(size, np.float32))
    with pytest.raises(steelyard.CompileError, match=r"\"module\":\d+:\d+: error: .*(shape|dynamic)"):
        steelyard.compile(exported.mlir_module())


@pytest.mark.parametrize("matmul", ["fp8", None])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_data_is_not_lost(value: float, matmul: str | None) -> None:
    """It is no error: it comes out where float64 has it, and nowhere else."""
    a, b = np.ones((4, 3), "f4"), np.full((3, 5), 2.0, "f4")
    a[1, 2] = value
    got = steelyard.jit(lambda a, b: a @ b, scheme=steelyard.Scalify(matmul=matmul))(a, b)
    with np.errstate(invalid="ignore"):
        want = a.astype("f8") @ b
    finite = np.isfinite(want)
    np.testing.assert_array_equal(np.isfinite(got), finite)
    np.testing.assert_array_equal(got[finite], want[finite])
    assert np.isnan(got[1]).all() or np.array_equal(got[1], want[1])  # E4M3FN has no infinity: NaN


# Options.


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"storage": "float8"}, ValueError, "storage is one of"),
        ({"matmul": "int8"}, ValueError, "matmul is one of"),
        ({"state": None}, ValueError, "state is one of"),
        ({"observe": 1}, ValueError, "observe is one of False, True, got 1"),
        ({"precision": "fp8"}, TypeError, "precision"),
    ],
)
def test_unknown_options_of_a_scheme(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        steelyard.Scalify(**options)


def test_only_compiled_functions_are_explained() -> None:
    with pytest.raises(TypeError, match=r"explain takes what steelyard\.jit returned, .*, got <function"):
        steelyard.explain(lambda x: x, X)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("STEELYARD_ISA", "STEELYARD_ISA is 'foo', not baseline, avx2 or avx512"),
        ("STEELYARD_THREADS", "STEELYARD_THREADS is 'foo', not a number from 1 to 1024"),
    ],
)
def test_unknown_values_of_the_environment(variable: str, message: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "constant.mlir"
    path.write_text(CONSTANT)
    done = run(BUILD / "bin" / "steelyard-run", path, **{variable: "foo"})
    assert done.returncode == 1 and message in done.stderr
    done = python("import jax, numpy as np, steelyard; steelyard.jit(lambda x: x)(np.ones(3, 'f4'))", **{variable: "foo"})
    assert done.returncode == 1 and f"RunError: {message}" in done.stderr


# Output that can't be written.


@pytest.mark.parametrize("target", ["/proc/none", "/dev/full"])
def test_output_of_steelyard_opt(target: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "add.mlir"
    path.write_text(ADD)
    done = run(BUILD / "bin" / "steelyard-opt", path, "-o", target)
    assert done.returncode == 1
    assert "cannot open output file" in done.stderr or "No space left" in done.stderr


@pytest.mark.parametrize("folder", ["/proc/none", "/dev/null", "/dev/null/below"])
def test_output_of_the_demo(folder: str) -> None:
    path = f"{BUILD / 'python'}{os.pathsep}{REPOSITORY / 'python'}"
    done = run(sys.executable, "-m", "workloads.digits", "--quick", "--output-dir", folder, PYTHONPATH=path)
    assert done.returncode == 1
    assert f"cannot write {folder}" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("folder", ["/proc/none", "/dev/null"])
def test_dump_that_cannot_be_written(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_DUMP", folder)
    with pytest.raises(steelyard.CompileError, match=f"cannot write the dump {folder}"):
        steelyard.compile(ADD)


# The process around it.


def python(source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{BUILD / 'python'}{os.pathsep}{REPOSITORY / 'python'}"
    return run(sys.executable, "-c", textwrap.dedent(source), PYTHONPATH=path, **environment)


@pytest.mark.parametrize("handler", ["signal.default_int_handler", "lambda *_: print('handled')"])
def test_ctrl_c_in_a_long_call(handler: str) -> None:
    """It ends the call early, Python's handler decides what follows, and the next call is whole."""
    done = python(f"""
        import os, signal, threading, time
        import jax, jax.numpy as jnp, numpy as np, steelyard
        signal.signal(signal.SIGINT, {handler})
        def function(x):
            for _ in range(100):
                x = jnp.tanh(x @ x)
            return x
        compiled, x = steelyard.jit(function), np.full((768, 768), 1 / 768, 'f4')
        want = compiled(x)
        begin = time.monotonic()
        compiled(x)
        timer = threading.Timer((time.monotonic() - begin) / 4, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            compiled(x)
            print('not stopped')
        except BaseException as error:
            print(type(error).__name__)
        timer.join()
        np.testing.assert_array_equal(compiled(x), want)
        print('whole')
        """)
    stopped = ["KeyboardInterrupt"] if "default" in handler else ["handled", "RunError"]
    assert done.stdout.split("\n")[:-1] == [*stopped, "whole"], done.stdout + done.stderr


def test_ctrl_c_ends_steelyard_run(tmp_path: pathlib.Path) -> None:
    tensor = "tensor<2048x2048xf32>"
    lines = ["func.func @main() {", f"%0 = stablehlo.iota dim = 0 : {tensor}"]
    for i in range(200):
        product = f"stablehlo.dot_general %{i}, %{i}, contracting_dims = [1] x [0]"
        lines.append(f"%{i + 1} = {product} : ({tensor}, {tensor}) -> {tensor}")
    lines += [f"return %200 : {tensor}", "}"]
    (tmp_path / "long.mlir").write_text("\n".join(lines).replace("main()", f"main() -> {tensor}"))
    # A shell's background jobs ignore the signal, and so would what they start.
    process = subprocess.Popen(["env", "--default-signal=INT", BUILD / "bin" / "steelyard-run", tmp_path / "long.mlir"])
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == -signal.SIGINT


OTHERS = [name for name in ("jaxlib", "torch", "triton", "sklearn") if importlib.util.find_spec(name)]
USES = {
    "jaxlib": "import jax; assert float(jax.jit(lambda x: x @ x)(jax.numpy.ones((8, 8)))[0, 0]) == 8",
    "torch": "import torch; assert float((torch.ones(8, 8) @ torch.ones(8, 8))[0, 0]) == 8",
    "triton": "import triton",
    "sklearn": "from sklearn.linear_model import LinearRegression as L; L().fit([[0.0], [1.0]], [0.0, 1.0])",
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_import_order(name: str, first: bool) -> None:
    """With what is installed here: both libraries work whichever was loaded first."""
    own = (
        "from steelyard._runtime import Function, compile_module; import numpy as np; "
        f"e = compile_module({ADD!r}); assert Function(e, 0)([np.ones(4, 'f4')] * 2)[0][0] == 2"
    )
    lines = [own, USES[name]] if first else [USES[name], own]
    done = python("\n".join(["import sys", *lines, *lines, "print('both')"]))
    assert done.returncode == 0 and done.stdout == "both\n", done.stderr
