# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What schemes keep between calls: amax histories and the key of stochastic rounding."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import steelyard
from numpy.typing import NDArray

LEAST = -(2**20)


def _fit(x: NDArray[np.float32]) -> int:
    """The least exponent e with amax ≤ 1.75 × 2^e; 1.75 is the significand of E4M3's largest number."""
    significand, exponent = math.frexp(float(np.max(np.abs(x[np.isfinite(x)]), initial=0)) / 1.75)
    return LEAST if significand == 0 else exponent - (significand == 0.5)


class _Delayed:
    """Delayed scaling with ml_dtypes' casts: 448 is 1.75 × 2^8."""

    def __init__(self, history: int, margin: int) -> None:
        self.history, self.margin = [LEAST] * history, margin

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        greatest = max(self.history)
        exponent = 0 if greatest == LEAST else greatest + self.margin - 8
        self.history = [*self.history[1:], _fit(x)]
        clipped = np.clip(x * np.float32(2.0**-exponent), -448, 448)
        return clipped.astype(ml_dtypes.float8_e4m3fn).astype(np.float32) * np.float32(2.0**exponent)


@pytest.mark.parametrize("margin", [0, 2])
@pytest.mark.parametrize("history", [1, 3, 1024])
def test_delayed_scales(history: int, margin: int) -> None:
    random = np.random.default_rng(history)
    product = steelyard.jit(lambda x, w: x @ w, scheme=steelyard.Recipe("fp8-delayed", history=history, margin=margin))
    on_x, on_w = _Delayed(history, margin), _Delayed(history, margin)
    w = random.standard_normal((16, 8), np.float32)
    for scale in [1.0, 2.0**9, 2.0**-6, 0.0, 2.0**-6, 2.0**20, 1.0]:
        x = random.standard_normal((4, 16), np.float32) * np.float32(scale)
        np.testing.assert_allclose(product(x, w), on_x(x) @ on_w(w), rtol=1e-5, atol=1e-5 * scale)
    state = product.recipe_state
    assert sorted(state) == ["fp8-delayed.0.activation", "fp8-delayed.1.activation"]
    assert state["fp8-delayed.0.activation"].tolist() == on_x.history
    assert state["fp8-delayed.1.activation"].tolist() == on_w.history


@pytest.mark.parametrize("exponent", [0, 5, -20])
def test_fixed_scale(exponent: int) -> None:
    random = np.random.default_rng(0)
    product = steelyard.jit(lambda x, w: x @ w, scheme=steelyard.Recipe("fp8-fixed", exponent=exponent))
    w = random.standard_normal((16, 8), np.float32)

    def cast(x: NDArray[np.float32]) -> NDArray[np.float32]:
        data = np.clip(x * np.float32(2.0**-exponent), -448, 448).astype(ml_dtypes.float8_e4m3fn)
        return data.astype(np.float32) * np.float32(2.0**exponent)

    for scale in [1.0, 2.0**12, 2.0**-12, 0.0]:
        x = random.standard_normal((4, 16), np.float32) * np.float32(scale)
        np.testing.assert_allclose(product(x, w), cast(x) @ cast(w), rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("name", ["fp8-delayed", "fp8-current"])
@pytest.mark.parametrize("scaled", [False, True], ids=["Recipe", "Scalify"])
def test_infinities_and_nan_show(name: str, scaled: bool) -> None:
    """What is finite saturates where the scale is that of earlier calls; what is not finite is seen in the result."""
    is_delayed = name == "fp8-delayed"
    recipe = steelyard.Recipe(name, history=1) if is_delayed else steelyard.Recipe(name)
    product = steelyard.jit(lambda x, w: x @ w, scheme=steelyard.Scalify(matmul=recipe) if scaled else recipe)
    w = np.ones((8, 4), "f4")
    for bad in (np.inf, -np.inf, np.nan):
        product(np.ones((4, 8), "f4"), w)
        x = np.ones((4, 8), "f4")
        x[0, 0] = bad
        assert np.isfinite(product(x, w)).tolist() == [[row > 0] * 4 for row in range(4)]
        x[1, 0] = 0
        w[0, 0] = bad
        assert np.isfinite(product(np.ones((4, 8), "f4"), w)).tolist() == [[column > 0 for column in range(4)]] * 4
        w[0, 0] = 1
    # Finite, and so far above the scale in use that the rescale itself overflows.
    for usual, large in ((1.0, 1e4), (1e-30, 3e38)):
        x = np.full((4, 8), usual, "f4")
        product(x, w)
        x[0, 0] = -large
        first = product(x, w)[0]
        most = 448 * 2.0 ** math.ceil(math.log2(usual / 448)) if is_delayed else large
        others = 0 if scaled and large > 1e30 else 7 * usual  # zero beside 3e38 in float16
        np.testing.assert_allclose(first, others - most, rtol=0.07)


def test_delayed_scales_of_scaled_operands() -> None:
    """The first call casts the data with the exponent it has; amax is that of the value, not of its data."""
    random = np.random.default_rng(0)
    scheme = steelyard.Scalify(matmul=steelyard.Recipe("fp8-delayed", history=2))
    product = steelyard.jit(lambda x, w: x @ w, scheme=scheme)
    w = random.standard_normal((16, 8), np.float32)
    for exponent in [-100, -100, 60, 60]:
        x = random.standard_normal((4, 16), np.float32) * np.float32(2.0**exponent)
        got = product(x, w)
    exact = x.astype(np.float64) @ w
    assert np.max(np.abs(got - exact)) < 0.1 * np.max(np.abs(exact))
    assert product.recipe_state["fp8-delayed.0.activation"].tolist() == [_fit(x), _fit(x)]


def test_state_is_saved_and_restored() -> None:
    scheme = steelyard.Recipe("fp8-delayed", history=4)
    first, second = (steelyard.jit(lambda x, w: x @ w, scheme=scheme) for _ in range(2))
    random = np.random.default_rng(1)
    x, w = random.standard_normal((4, 8), np.float32), random.standard_normal((8, 2), np.float32)
    assert first.recipe_state == {}
    first(x * np.float32(64), w)
    second.recipe_state = first.recipe_state
    np.testing.assert_array_equal(first(x, w), second(x, w))
    # Another shape goes on with the same histories.
    second(x[:2], w)
    assert np.count_nonzero(second.recipe_state["fp8-delayed.0.activation"] != LEAST) == 3
    before = second.recipe_state
    before["fp8-delayed.0.activation"][:] = 0  # a copy
    assert second.recipe_state["fp8-delayed.0.activation"].any()


def test_state_that_does_not_fit() -> None:
    product = steelyard.jit(lambda x, w: x @ w, scheme=steelyard.Recipe("fp8-delayed", history=4))
    product.recipe_state = {"fp8-delayed.0.activation": np.zeros(3, np.int32)}
    with pytest.raises(steelyard.SteelyardError, match=r"recipe_state\['fp8-delayed.0.activation'\] is int32\[3\]"):
        product(np.ones((4, 8), np.float32), np.ones((8, 2), np.float32))


BETA2 = 0.999


def _average(scheme: steelyard.Scheme, steps: int, size: int) -> tuple[NDArray[np.float64], Any]:
    """v ← β₂ v + (1 - β₂) g² from 1 with g² = 2.25, as Adam's second moment."""
    step = steelyard.jit(lambda v, g: BETA2 * v + (1 - BETA2) * jnp.square(g), scheme=scheme, donate_argnums=0)
    v: Any = np.ones(size, np.float32)
    g = np.full(size, 1.5, np.float32)
    for _ in range(steps):
        v = step(v, g)
    return np.asarray(v, np.float64), step


def test_stochastic_state_follows_its_average() -> None:
    steps, size = 1000, 2000
    exact = 2.25 - 1.25 * BETA2**steps
    v, step = _average(steelyard.Scalify(state_rounding="stochastic", seed=3), steps, size)
    # v is kept as its root: each step moves that by at most half an ulp, 2⁻¹¹, in the mean square.
    spread = 2 * 1.5 * 2.0**-11 * math.sqrt(steps)
    assert abs(np.mean(v) - exact) < 5 * spread / math.sqrt(size)
    assert np.std(v) > 0
    assert step.recipe_state["scalify.rounding_key"] == 3 + steps
    again, _ = _average(steelyard.Scalify(state_rounding="stochastic", seed=3), steps, size)
    np.testing.assert_array_equal(v, again)
    other, _ = _average(steelyard.Scalify(state_rounding="stochastic", seed=4), steps, size)
    assert np.any(v != other)


@pytest.mark.parametrize("options", [{"state": "user"}, {"state_rounding": "nearest"}])
def test_no_key_where_nothing_is_rounded_stochastically(options: dict[str, str]) -> None:
    _, step = _average(steelyard.Scalify(**options), 1, 4)
    assert step.recipe_state == {}


def test_stochastic_rounding_by_its_law() -> None:
    """A third of the way between two bfloat16 numbers: up a third of the time, whatever the sign."""
    count = 60000
    signs = np.where(np.arange(count) % 2, np.float32(1), np.float32(-1))
    scheme = steelyard.Scalify(storage="bfloat16", matmul=None, state_rounding="stochastic")
    step = steelyard.jit(lambda s, x: s + x * np.float32(2.0**-7 / 3), scheme=scheme, donate_argnums=0)
    rounded = np.abs(np.asarray(step(signs, signs)))
    assert set(np.unique(rounded).tolist()) == {1.0, 1.0 + 2.0**-7}
    ups = np.count_nonzero(rounded > 1)
    probability = 1 / 3
    assert abs(ups - count * probability) < 5 * math.sqrt(count * probability * (1 - probability))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: steelyard.Recipe("fp4"), "name is one of 'fp8-current', 'fp8-delayed', 'fp8-fixed', got 'fp4'"),
        (lambda: steelyard.Recipe("fp8-delayed", length=3), "has no option 'length'; it has history, margin"),
        (lambda: steelyard.Recipe("fp8-current", history=3), "has no option 'history'; it has none"),
        (lambda: steelyard.Recipe("fp8-delayed", history=0), "history is an integer from 1 to 65536, got 0"),
        (lambda: steelyard.Recipe("fp8-delayed", margin=1.5), "margin is an integer from 0 to 32, got 1.5"),
        (lambda: steelyard.Recipe("fp8-current", fast_accumulate=1), "fast_accumulate is True or False, got 1"),
        (lambda: steelyard.Scalify(matmul="int8"), "matmul is one of 'fp8', None, or a steelyard.Recipe"),
        (lambda: steelyard.Scalify(state_rounding="up"), "state_rounding is one of"),
        (lambda: steelyard.Scalify(seed=2**63), "seed is an integer of 64 bits"),
    ],
)
def test_options_that_are_refused(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()


def test_fast_accumulation_is_asked_for_and_the_cpu_has_none() -> None:
    x, w = np.random.default_rng(0).standard_normal((2, 64, 64)).astype(np.float32)
    fast, accurate = (steelyard.Recipe("fp8-delayed", history=2, fast_accumulate=allowed) for allowed in (True, False))
    assert fast != accurate == steelyard.Recipe("fp8-delayed", history=2)
    assert fast.pipeline() == "quantize{recipe=fp8-delayed options=history=2 fast-accumulate=true}"
    scheme = steelyard.Scalify(matmul=fast, observe=True)
    assert scheme.pipeline().endswith("fast-accumulate=true observe=true},observe-to-results")
    for schemes in ((fast, accurate), (steelyard.Scalify(matmul=fast), steelyard.Scalify(matmul=accurate))):
        results = [np.asarray(steelyard.jit(lambda x, w: x @ w, scheme=scheme)(x, w)) for scheme in schemes]
        np.testing.assert_array_equal(*results)


def test_calls_from_several_threads_lose_no_step() -> None:
    import concurrent.futures

    product = steelyard.jit(lambda x, w: x @ w, scheme=steelyard.Recipe("fp8-delayed", history=64))
    x, w = np.ones((4, 8), np.float32), np.ones((8, 2), np.float32)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: product(x, w), range(32)))
    history = product.recipe_state["fp8-delayed.0.activation"]
    assert np.count_nonzero(history != LEAST) == 32


def test_compiled_modules_have_state() -> None:
    text = jax.jit(lambda x, w: x @ w).lower(jnp.ones((4, 8)), jnp.ones((8, 2))).as_text()
    module = steelyard.compile(text, scheme=steelyard.Recipe("fp8-delayed", history=2))
    module(np.ones((4, 8), np.float32), np.ones((8, 2), np.float32))
    assert module.recipe_state["fp8-delayed.0.activation"].tolist() == [LEAST, 0]
