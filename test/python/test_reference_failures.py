# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the reference implementation of Scalify, jax-scalify 0.1.1 (arXiv:2407.17353), computes wrongly or not at all.

One test for each failure that was seen in it: wrong values, NaN, scales that never grow, scales that are no powers of two,
crashes and operations without a rule. Here each gives float64's result within FP16's rounding, by its rule, not by real
values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steelyard
from jax import lax
from oracle import error, evaluate

SCHEME = steelyard.Scalify(matmul=None, state_rounding="nearest", second_moments="value")
random = np.random.default_rng(0)


def normal(*shape: int, power: int = 0) -> Any:
    return np.ldexp(random.standard_normal(shape), power).astype("f4")


def finite(value: Any) -> tuple[Any, Any]:
    """The value with zeros for what is not finite, and what that is: 1 and -1 for infinities, 2 for NaN."""
    value = np.asarray(value, np.float64)
    is_finite = np.isfinite(value)
    return np.where(is_finite, value, 0), np.where(np.isnan(value), 2, np.where(is_finite, 0, np.sign(value)))


def check(function: Callable[..., Any], *arguments: Any, times: float = 2) -> None:
    """At most ``times`` the error of the rounding oracle, or one rounding to float32; every operation has its rule."""
    compiled = steelyard.jit(function, scheme=SCHEME)
    got = jax.tree.leaves(compiled(*arguments))
    exact, rounded = ([finite(v) for v in evaluate(function, arguments, bits)] for bits in (None, 11))
    allowed = max(2**-24, *(error(r, e) for (r, _), (e, _) in zip(rounded, exact, strict=True)))
    for (g, ours), (e, theirs) in zip(map(finite, got), exact, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert error(g, e) <= times * allowed
    assert not [r for r in steelyard.explain(compiled, *arguments) if "on real values" in str(r)]


def scaled(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result as (data, exponent): that of donated state of its shape."""
    slot = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), jax.eval_shape(function, *arguments))
    step = steelyard.jit(lambda slot, *arguments: function(*arguments), donate_argnums=(0,), scheme=SCHEME)
    return step(slot, *arguments)


def magnitude(array: Any) -> int:
    """floor(log2 amax) if the data is normalised, as float16 data is to [2^10, 2^11)."""
    return int(array.exponent) + 10


@pytest.mark.parametrize("power", [-20, 0, 10, 100])
def test_softmax_under_jit(power: int) -> None:
    """NaN there: max's initial value, -inf, becomes a scale."""
    check(jax.jit(jax.nn.softmax), normal(4, 9, power=power))


@pytest.mark.parametrize("power", [-20, 0, 10, 100])
def test_logsumexp_under_jit(power: int) -> None:
    check(jax.jit(lambda x: jax.nn.logsumexp(x, axis=-1)), normal(4, 9, power=power))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("x", [[1.0, -2.0], [0.0, 0.0], [-np.inf, 3.0], [2.0**100, -(2.0**-100)]])
def test_maximum_with_minus_infinity(x: list[float]) -> None:
    """NaN there."""
    x = np.float32(x)
    check(lambda x: (jnp.maximum(x, -jnp.inf), jnp.minimum(x, jnp.inf), jnp.max(x, initial=-jnp.inf)), x)


def test_exponential_of_zeros() -> None:
    """exp(zeros_like(a)) + a is a there: exp counts as keeping zeros."""
    a = np.ones(4, "f4")
    got = steelyard.jit(lambda a: jnp.exp(jnp.zeros_like(a)) + a, scheme=SCHEME)(a)
    np.testing.assert_array_equal(got, 2.0)


def test_exponential_of_zeros_that_are_computed() -> None:
    a = normal(4)
    np.testing.assert_array_equal(steelyard.jit(lambda a: jnp.exp(a - a) + a * 0, scheme=SCHEME)(a), 1.0)
    np.testing.assert_array_equal(steelyard.jit(lambda a: jnp.cos(a * 0), scheme=SCHEME)(a), 1.0)


def test_clamp_of_zeros_to_bounds_without_zero() -> None:
    """Counts as keeping zeros there, as exp does."""
    got = steelyard.jit(lambda a: jnp.clip(jnp.zeros_like(a), 1, 2) + a, scheme=SCHEME)(np.ones(4, "f4"))
    np.testing.assert_array_equal(got, 2.0)


def test_select_between_zeros() -> None:
    """0 / 0 there: both scales are zero."""
    zeros, chosen = np.zeros(4, "f4"), np.array([True, False, True, False])
    got = steelyard.jit(jnp.where, scheme=SCHEME)(chosen, zeros, zeros)
    np.testing.assert_array_equal(got, 0.0)
    got = steelyard.jit(lambda c, x: jnp.where(c, x * 0, jnp.zeros_like(x)), scheme=SCHEME)(chosen, normal(4))
    np.testing.assert_array_equal(got, 0.0)


def test_select_with_one_zero() -> None:
    chosen = np.array([True, False, True, False])
    check(lambda c, x: jnp.where(c, x, 0.0), chosen, normal(4, power=-60))
    check(lambda c, x: jnp.where(c, 0.0, x), chosen, normal(4, power=60))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_division_by_zero() -> None:
    """Zero, of scale 0, as a divisor gives a scale of infinity or NaN there."""
    check(lambda x, y: x / y, np.float32([1, -1, 0, 2]), np.zeros(4, "f4"))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_infinity_stays_in_the_data() -> None:
    """A scalar infinity becomes a scale there."""
    check(lambda x: x * jnp.inf, np.float32([1, -2, 0, 3]))


def test_chained_additions_grow_the_scale() -> None:
    """64 times c = c + x keep the scale of c there: data reaches 65 and is never normalised."""
    x = np.float32([1, 0.5, -0.25, 1.5])

    def chain(x: Any) -> Any:
        c = x
        for _ in range(64):
            c = c + x
        return c

    check(chain, x)
    got = scaled(chain, x)
    assert magnitude(got) == 6 and np.abs(got.data).max() < 2**11  # 65 × 1.5 is 1.52 × 2^6
    # As many additions that cancel take it back.
    assert magnitude(scaled(lambda x: chain(x) + chain(-x) + x * 2.0**-10, x)) == -10


@pytest.mark.parametrize("power", [-100, 0, 100])
def test_concatenate(power: int) -> None:
    """TypeError there."""
    check(lambda x, y: jnp.concatenate([x, y]), normal(3, 2), normal(4, 2, power=power))
    check(lambda x, y: jnp.stack([x, y], 1), normal(3, 2), normal(3, 2, power=power))


def test_scaled_meets_unscaled() -> None:
    """AttributeError there, unless the plain array is known to repeat one number."""
    table = np.linspace(-3, 3, 12, dtype="f4").reshape(3, 4)  # a constant of the program

    def mix(x: Any, n: Any, is_on: Any, wide: Any) -> Any:
        positions = jnp.arange(4, dtype=jnp.float32)
        return x * table + positions - n + jnp.where(is_on, x, table) * (x > 0) + n.astype(jnp.float32) * wide

    arguments = normal(3, 4, power=20), random.integers(-9, 9, 4).astype("i4"), np.arange(4) % 2 == 0, np.float32(1e-3)
    check(mix, *arguments)
    half = lambda x, y: x.astype(jnp.float32) * y  # noqa: E731
    check(half, normal(3).astype("f2"), normal(3))


def test_state_meets_arguments_of_the_user() -> None:
    step = steelyard.jit(lambda state, x: state + 0.5 * x, donate_argnums=(0,), scheme=SCHEME)
    state, x = normal(8, power=-30), normal(8, power=30)
    once = step(state, x)
    assert error(step(once, x), state + x) < 1e-3


def test_scan() -> None:
    """NotImplementedError there; so are the three below."""
    check(lambda x, w: lax.scan(lambda c, x: (jnp.tanh(w @ c + x), c), jnp.ones(4), x), normal(5, 4), normal(4, 4))


def test_while_loop() -> None:
    check(lambda x: lax.while_loop(lambda c: jnp.max(c) < 1e4, lambda c: c * 1.5 + 1, x), normal(4))


def test_cond() -> None:
    for sign in (1, -1):
        check(lambda x: lax.cond(x[0] > 0, lambda: x * 1e-9, lambda: x * 1e9), sign * np.abs(normal(4)))


def test_fori_loop() -> None:
    check(lambda x: lax.fori_loop(0, 40, lambda i, c: c * 0.25 + x * 2.0**-90 * i, x), normal(4))


@pytest.mark.parametrize("power", [-30, 0, 5])
@pytest.mark.parametrize(
    "name", ["tanh", "gelu", "sigmoid", "silu", "softplus", "erf", "rsqrt", "expm1", "log1p", "exp2", "pow", "cumsum"]
)
def test_elementwise_functions_without_a_rule(name: str, power: int) -> None:
    """NotImplementedError there, in these and many more."""
    functions = {
        "tanh": jnp.tanh, "gelu": jax.nn.gelu, "sigmoid": jax.nn.sigmoid, "silu": jax.nn.silu, "softplus": jax.nn.softplus,
        "erf": jax.scipy.special.erf, "rsqrt": lambda x: lax.rsqrt(jnp.abs(x)), "expm1": jnp.expm1, "exp2": jnp.exp2,
        "log1p": lambda x: jnp.log1p(jnp.abs(x)), "pow": lambda x: jnp.power(jnp.abs(x), 1.5), "cumsum": jnp.cumsum,
    }  # fmt: skip
    check(functions[name], normal(50, power=power))


def test_moves_without_a_rule() -> None:
    """squeeze, gather, scatter, dynamic slices, sort, top_k, clamp."""
    index = np.array([2, 0, 2, 1], "i4")
    check(lambda x: jnp.squeeze(x[:, None]), normal(4))
    check(lambda x, i: x[i], normal(3, 4, power=50), index)
    check(lambda x, i: jnp.zeros((3, 4)).at[i].add(x), normal(4, 4, power=50), index)
    check(lambda x, i: lax.dynamic_update_slice_in_dim(x, x[:1], i[0], 0), normal(3, 4, power=50), index)
    check(lambda x: (jnp.sort(x), lax.top_k(x, 2)[0], lax.clamp(-0.5, x, 0.5)), normal(3, 4))


def test_batched_contraction() -> None:
    """AssertionError there: no batch dimensions."""
    check(lambda a, b: jnp.einsum("bij,bjk->bik", a, b), normal(3, 4, 5, power=40), normal(3, 5, 6, power=-80))


def test_contraction_of_several_dimensions() -> None:
    """AssertionError there: exactly one contracting dimension."""
    check(lambda a, b: jnp.tensordot(a, b, 2), normal(3, 4, 5), normal(4, 5, 6))
    check(lambda a, b: jnp.einsum("bxyi,bkyx->bik", a, b), normal(2, 3, 4, 5), normal(2, 6, 4, 3))
    check(lambda a, b: jnp.einsum("i,j->ij", a, b), normal(3), normal(4))


def attention(q: Any, k: Any, v: Any) -> Any:
    scores = jnp.einsum("bhtd,bhsd->bhts", q, k) / q.shape[-1] ** 0.5
    scores = jnp.where(jnp.tril(jnp.ones(scores.shape[-2:], bool)), scores, -jnp.inf)
    return jnp.einsum("bhts,bhsd->bhtd", jax.nn.softmax(scores), v)


def test_attention() -> None:
    """Batched products, softmax and its mask."""
    check(attention, *(normal(2, 2, 7, 8) for _ in range(3)))


@pytest.mark.parametrize("power", [-40, 0, 40])
def test_backward_of_softmax_without_a_rescale(power: int) -> None:
    """Users insert dynamic_rescale_l2_grad there: outputs of exp have scale 1, and gradients are flushed behind it."""
    logits, weights = normal(6, 50, power=3), normal(6, 50, power=power)

    def loss(logits: Any, weights: Any) -> Any:
        return jnp.sum(jax.nn.softmax(logits) * weights)

    check(jax.grad(loss), logits, weights)
    check(jax.grad(lambda *a: jnp.sum(attention(*a))), *(normal(2, 2, 7, 8) for _ in range(3)))


def test_exponential_has_its_own_scale() -> None:
    """Scale 1 there, whatever the result: e^-60 is zero in float16, e^60 infinite."""
    for x in (-60, 60):
        got = scaled(jnp.exp, np.full(4, x, "f4"))
        assert magnitude(got) == np.floor(x * np.log2(np.e)) and error(got, np.full(4, np.exp(x))) < 2**-11


@pytest.mark.parametrize("power", [3, -3, 40, -41, 0])
def test_square_root_keeps_scales_powers_of_two(power: int) -> None:
    """sqrt(8) is a scale there, and with it that of every layer norm. Here exponents are integers, the odd bit is data."""
    x = np.ldexp(np.float32([1, 0.25, 1.5, 1.125]), power)
    got = scaled(jnp.sqrt, x)
    assert isinstance(got.exponent, int) and magnitude(got) == power // 2
    np.testing.assert_array_equal(got.data, np.ldexp(np.sqrt(np.ldexp(np.float64(x), power % 2 - power)), 10).astype("f2"))
    check(lambda x: (jnp.sqrt(x), lax.rsqrt(x)), x)


def test_products_keep_scales_powers_of_two() -> None:
    """0.1 is 1.6 × 2^-4 there, and a factor 1.6 stays in the scale."""
    got = scaled(lambda x: x * 0.1, np.float32([1, 2, 3, 4]))
    assert magnitude(got) == -2 and got.data.dtype == np.float16


def test_sum_of_more_than_float16_holds() -> None:
    """Summed in float16 before it is divided there: infinite."""
    check(lambda x: (jnp.sum(x), jnp.mean(x, 0), jnp.cumsum(x, 0)), np.full((70_000, 1), 1.5, "f4"), times=4)


def test_arguments_by_name() -> None:
    """NotImplementedError there."""
    got = steelyard.jit(lambda x, y: x - y, scheme=SCHEME)(y=np.float32([1, 2]), x=np.float32([4, 8]))
    np.testing.assert_array_equal(got, [3, 6])
