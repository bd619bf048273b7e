# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The corpus at the ends of the range of magnitudes, and the committed table of all of it (magnitudes.py)."""

from __future__ import annotations

import json
import random
from typing import Any

import magnitudes
import pytest
from corpus import PROGRAMS
from test_corpus import REAL

TABLE: list[dict[str, Any]] = json.loads(magnitudes.RESULTS.read_text())


# A slice of the corpus; magnitudes.py takes all of it.
@pytest.mark.parametrize("name", random.Random(0).sample(sorted(PROGRAMS), 24))
def test_scalify_float16_at_any_magnitude(name: str) -> None:
    """At most twice the oracle's error with all arguments times 2^±20."""
    step = magnitudes.compiled(name)
    for power in (magnitudes.POWERS[0], magnitudes.POWERS[-1]):
        measured = magnitudes.measure(name, step, "all", power)
        assert measured.holds, measured


def test_the_table_is_within_its_bounds() -> None:
    """Every program at every magnitude; plain float16 does not get there."""
    assert [row["name"] for row in TABLE] == list(PROGRAMS)
    assert all(row["holds"] for row in TABLE)
    outcomes = [outcome for row in TABLE for outcome in row["peers"]["float16"]]
    assert outcomes.count("overflow") + outcomes.count("flushed") > len(outcomes) / 4


def test_the_share_on_real_values_does_not_rise() -> None:
    """95 % of all float operations have a true rule; test_corpus counts the others of each program."""
    assert {row["name"]: row["on real values"] for row in TABLE if row["on real values"]} == REAL
    assert sum(row["on real values"] for row in TABLE) <= 0.05 * sum(row["float operations"] for row in TABLE)


def test_the_page_shows_the_table() -> None:
    assert magnitudes.STUDY.read_text() == magnitudes.page(TABLE)


def test_operations_are_counted() -> None:
    """With floats, with a rule of their own, wherever they are: not inside of a reduction's or a scatter's computation."""
    text = """
module @jit_f attributes {mhlo.num_partitions = 1 : i32} {
  func.func public @main(%arg0: tensor<4xf32>, %arg1: tensor<i32>) -> (tensor<4xf32> {jax.result_info = "result"}) {
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %c = stablehlo.add %arg1, %arg1 : tensor<i32>
    %0 = stablehlo.reduce(%arg0 init: %cst) across dimensions = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
     reducer(%a: tensor<f32>, %b: tensor<f32>) {
      %5 = stablehlo.maximum %a, %b : tensor<f32>
      stablehlo.return %5 : tensor<f32>
    }
    %1:2 = stablehlo.while(%iterArg = %arg1, %iterArg_0 = %arg0) : tensor<i32>, tensor<4xf32>
    cond {
      %5 = stablehlo.compare LT, %iterArg, %arg1, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %5 : tensor<i1>
    } do {
      %5 = "stablehlo.case"(%arg1) ({
        %6 = chlo.erf %iterArg_0 : tensor<4xf32> -> tensor<4xf32>
        stablehlo.return %6 : tensor<4xf32>
      }, {
        stablehlo.return %iterArg_0 : tensor<4xf32>
      }) : (tensor<i32>) -> tensor<4xf32>
      stablehlo.return %c, %5 : tensor<i32>, tensor<4xf32>
    }
    %2 = "stablehlo.scatter"(%arg0, %arg1, %cst) <{x = #stablehlo.scatter<y = [0]>}> ({
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %5 = stablehlo.add %a, %b : tensor<f32>
      stablehlo.return %5 : tensor<f32>
    }) : (tensor<4xf32>, tensor<i32>, tensor<f32>) -> tensor<4xf32>
    return %2 : tensor<4xf32>
  }
}
"""
    assert magnitudes.float_operations(text) == 5  # reduce, while, case, erf, scatter
