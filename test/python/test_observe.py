# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exponents that compiled code used, observed."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import steelyard
from numpy.typing import NDArray

LEAST = -(2**20)


def arrays() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    random = np.random.default_rng(5)
    return random.standard_normal((8, 16), np.float32), random.standard_normal((16, 4), np.float32)


def fills(x: NDArray[Any], exponent: NDArray[np.int32], dtype: Any) -> bool:
    """Whether the largest element, over 2^exponent, lies in the upper half of the format's range."""
    largest = float(ml_dtypes.finfo(dtype).max)
    return largest / 2 < np.max(np.abs(x.astype(np.float64))) / 2.0 ** int(exponent) <= largest


@pytest.mark.parametrize("recipe", ["fp8-current", "fp8-delayed"])
def test_exponents_of_a_product(recipe: str) -> None:
    x, w = arrays()
    product = steelyard.jit(jnp.matmul, scheme=steelyard.Scalify(matmul=steelyard.Recipe(recipe), observe=True))
    assert product.observed == {}
    for _ in range(2):  # delayed scales know nothing in the first call
        product(x, w)
    seen = product.observed
    assert list(seen) == ["0.activation", "1.activation"]
    for value, exponent in zip((x, w), seen.values(), strict=True):
        assert exponent.dtype == np.int32 and exponent.shape == ()
        assert fills(value, exponent, ml_dtypes.float8_e4m3fn)
    for _ in range(2):
        product(np.zeros_like(x), w * np.float32(2.0**30))
    later = product.observed
    assert int(later["0.activation"]) == (LEAST if recipe == "fp8-current" else seen["0.activation"])
    assert int(later["1.activation"]) == int(seen["1.activation"]) + 30


def test_gradients_move_with_the_loss() -> None:
    x, w = arrays()

    def loss(w: Any, x: Any, factor: Any) -> Any:
        return factor * jnp.mean(jnp.square(x @ w))

    step = steelyard.jit(jax.grad(loss), scheme=steelyard.Scalify(observe=True))
    of: dict[int, dict[str, int]] = {}
    for power in (-40, 0, 40):
        step(w, x, np.float32(2.0**power))
        of[power] = {name: int(exponent) for name, exponent in step.observed.items()}
    roles = [name.partition(".")[2] for name in of[0]]
    assert sorted(set(roles)) == ["activation", "gradient"]
    for name, exponent in of[0].items():
        moved = 40 if name.endswith("gradient") else 0
        assert of[40][name] == exponent + moved and of[-40][name] == exponent - moved


def test_results_are_the_same_unobserved() -> None:
    x, w = arrays()
    plain, observed = (steelyard.jit(jnp.matmul, scheme=steelyard.Scalify(observe=on)) for on in (False, True))
    np.testing.assert_array_equal(plain(x, w), observed(x, w))
    assert plain.observed == {}


def test_taps_of_a_module() -> None:
    text = """func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
      %y = stablehlo.add %x, %x : tensor<2xf32>
      %o = scaled.observe %y "doubled" : tensor<2xf32>
      return %x : tensor<2xf32>
    }"""

    class Observe(steelyard.Scheme):
        def pipeline(self) -> str:
            return "observe-to-results"

    module = steelyard.compile(text, scheme=Observe())
    assert len(module(np.ones(2, np.float32))) == 1
    np.testing.assert_array_equal(module.observed["doubled"], [2, 2])


def test_options() -> None:
    with pytest.raises(ValueError, match="matmul is None"):
        steelyard.Scalify(matmul=None, observe=True)
    with pytest.raises(ValueError, match="observe is one of False, True, got 'yes'"):
        steelyard.Scalify(observe="yes")  # type: ignore[arg-type]
