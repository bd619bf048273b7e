# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""steelyard.compile: modules as text and from files."""

from __future__ import annotations

import pathlib
from typing import Any

import jax
import numpy as np
import pytest
import steelyard

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
