# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""steelyard.compile: modules as text and from files."""

from __future__ import annotations

import io
import os
import pathlib
import subprocess
from typing import Any

import jax
import jax.export
import numpy as np
import pytest
import steelyard

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build"))
TEXT = """func.func @main(%a: tensor<2x3xf32>, %b: tensor<3xf64>) -> (tensor<2x3xf32>, tensor<3xf64>) {
  %c = stablehlo.add %a, %a : tensor<2x3xf32>
  return %c, %b : tensor<2x3xf32>, tensor<3xf64>
}"""
A, B = np.arange(6, dtype="f4").reshape(2, 3), np.arange(3.0)


@pytest.mark.parametrize("as_file", [False, True])
def test_text_and_files(as_file: bool, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "module.mlir"
    path.write_text(TEXT)
    doubled, same = steelyard.compile(path if as_file else TEXT)(A, B)
    np.testing.assert_array_equal(doubled, 2 * A)
    np.testing.assert_array_equal(same, B)


def bytecode(text: str, folder: pathlib.Path) -> bytes:
    source, out = folder / "source.mlir", folder / "module.mlirbc"
    source.write_text(text)
    subprocess.run([BUILD / "bin" / "steelyard-opt", source, "--emit-bytecode", "-o", out], check=True)
    return out.read_bytes()


def test_bytecode(tmp_path: pathlib.Path) -> None:
    data = bytecode(TEXT, tmp_path)
    for module in (data, tmp_path / "module.mlirbc"):
        doubled, same = steelyard.compile(module)(A, B)
        np.testing.assert_array_equal(doubled, 2 * A)
        np.testing.assert_array_equal(same, B)


def test_data_beside_the_module(tmp_path: pathlib.Path) -> None:
    text = """func.func @main() -> tensor<2xf32> {
      %c = stablehlo.constant dense_resource<blob> : tensor<2xf32>
      return %c : tensor<2xf32>
    }
    {-# dialect_resources: { builtin: { blob: "0x400000000000803F00000040" } } #-}"""
    for module in (text, bytecode(text, tmp_path)):
        with pytest.raises(steelyard.CompileError, match="a constant that is not dense has no lowering to the CPU"):
            steelyard.compile(module)


def test_portable_artifacts(tmp_path: pathlib.Path) -> None:
    def function(x: Any) -> Any:
        return jax.numpy.tanh(x) @ x.T

    exported = jax.export.export(jax.jit(function))(jax.ShapeDtypeStruct(A.shape, A.dtype))
    path = tmp_path / "module.mlirbc"
    path.write_bytes(exported.mlir_module_serialized)
    for module in (exported, exported.mlir_module_serialized, path):
        np.testing.assert_allclose(steelyard.compile(module)(A)[0], function(A), rtol=1e-6)
    tool = subprocess.run([BUILD / "bin" / "steelyard-run", path], capture_output=True, text=True, check=False)
    assert tool.returncode == 1
    assert f'"{path}":0:0: error: this is a portable artifact of StableHLO (StableHLO_v' in tool.stderr
    with pytest.raises(steelyard.CompileError, match="jaxlib can't read this portable artifact"):
        steelyard.compile(exported.mlir_module_serialized[:-100])


def test_bytecode_of_others() -> None:
    module = jax.jit(lambda x: x @ x.T).lower(A).compiler_ir("stablehlo")
    out = io.BytesIO()
    module.operation.write_bytecode(out)
    with pytest.raises(steelyard.CompileError, match="this bytecode, written by 'MLIR.*', can't be read"):
        steelyard.compile(out.getvalue())


@pytest.mark.parametrize("size", [0, 3, 4, 5, 20, 200])
def test_bytecode_that_is_cut(tmp_path: pathlib.Path, size: int) -> None:
    with pytest.raises(steelyard.CompileError, match="error: |neither MLIR text"):
        steelyard.compile(bytecode(TEXT, tmp_path)[:size])


def test_neither_text_nor_bytecode(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "module.bin"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(steelyard.CompileError, match="module.bin is neither MLIR text"):
        steelyard.compile(path)


def test_a_scheme_and_its_remarks() -> None:
    text = jax.jit(lambda x, w: x @ w).lower(A, A.T).as_text(debug_info=True)
    compiled = steelyard.compile(text, scheme=steelyard.Scalify())
    np.testing.assert_array_equal(compiled(A, np.ascontiguousarray(A.T))[0], A @ A.T)
    assert compiled.remarks


@pytest.mark.parametrize("arrays", [(A,), (A, B, B), (A.T, B), (A.astype("f8"), B), (A, B.astype("f4"))])
def test_wrong_arrays_are_refused(arrays: tuple[Any, ...]) -> None:
    with pytest.raises(steelyard.RunError, match="takes 2 arrays|argument [01] of main is"):
        steelyard.compile(TEXT)(*arrays)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @main(", "1:1|1:17|expected"),
        (TEXT.replace("add", "no_such_operation"), "2:8.*no_such_operation"),
        (TEXT.replace("2x3xf32", "?x3xf32"), "dynamic|static"),
        (TEXT.replace("@main", "@other"), "no public function 'main'; it has other"),
    ],
)
def test_bad_modules_are_located_errors(text: str, message: str) -> None:
    with pytest.raises(steelyard.CompileError, match=message):
        steelyard.compile(text)


def test_a_missing_file() -> None:
    with pytest.raises(FileNotFoundError):
        steelyard.compile(pathlib.Path("/no/such/module.mlir"))
