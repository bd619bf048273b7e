# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Values of compiled functions against JAX in float32 and float64."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steelyard
from oracle import error, evaluate

SIZES = (16, 32, 24, 10)


def make(scale: float, seed: int = 0) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(seed)
    parameters = [
        (
            (random.standard_normal((a, b)) / np.sqrt(a) * scale).astype("f4"),
            (random.standard_normal(b) * 0.01 * scale).astype("f4"),
        )
        for a, b in zip(SIZES[:-1], SIZES[1:], strict=True)
    ]
    x = (random.standard_normal((128, SIZES[0])) * scale).astype("f4")
    y = np.eye(10, dtype="f4")[random.integers(0, 10, 32)]
    return parameters, x[is_decided(parameters, x)][:32], y


def is_decided(parameters: Any, x: Any) -> Any:
    """The rows in which no unit is so near zero that 11 bits decide over it: its gradient is right with it and without."""
    rows, x = np.full(len(x), True), np.asarray(x, np.float64)
    for w, b in parameters[:-1]:
        y = x @ w + b
        rows &= np.all(np.abs(y) > 2.0**-8 * (np.abs(x) @ np.abs(w) + np.abs(b)), axis=1)
        x = np.maximum(y, 0)
    return rows


def forward(parameters: Any, x: Any) -> Any:
    for w, b in parameters[:-1]:
        x = jnp.maximum(x @ w + b, 0.0)
    w, b = parameters[-1]
    return x @ w + b


def weighted(parameters: Any, x: Any, y: Any) -> Any:
    """A loss whose value and gradients float32 holds at every magnitude of the test."""
    return jnp.mean(forward(parameters, x) * y)


def cross_entropy(parameters: Any, x: Any, y: Any) -> Any:
    return -jnp.mean(jnp.sum(jax.nn.log_softmax(forward(parameters, x)) * y, axis=-1))


def adam(
    parameters: Any,
    m: Any,
    v: Any,
    t: Any,
    x: Any,
    y: Any,
    loss: Any = cross_entropy,
    rate: float = 1e-2,
    epsilon: float = 1e-8,
) -> Any:
    value, gradient = jax.value_and_grad(loss)(parameters, x, y)
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
    parameters = jax.tree.map(
        lambda p, m, v: p - rate * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + epsilon), parameters, m, v
    )
    return parameters, m, v, t, value


def adam_arguments() -> tuple[Any, ...]:
    parameters, x, y = make(1.0)
    random = np.random.default_rng(1)
    m = jax.tree.map(lambda p: (0.01 * random.standard_normal(p.shape)).astype("f4"), parameters)
    v = jax.tree.map(lambda p: (1e-4 * (0.1 + random.random(p.shape))).astype("f4"), parameters)
    return parameters, m, v, np.float32(3), x, y


PROGRAMS = {
    "forward": (forward, lambda: make(1.0)[:2]),
    "value_and_grad": (jax.value_and_grad(cross_entropy), lambda: make(1.0)),
    "adam": (adam, adam_arguments),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_float32_equals_jax(name: str) -> None:
    """No further from float64 than a few times what JAX's own float32 is."""
    function, arguments = PROGRAMS[name]
    got = jax.tree.leaves(steelyard.jit(function)(*arguments()))
    peer = jax.tree.leaves(jax.jit(function)(*arguments()))
    want = evaluate(function, arguments(), None)
    for ours, theirs, exact in zip(got, peer, want, strict=True):
        assert error(ours, exact) <= 4 * error(theirs, exact) + 2**-22


@pytest.mark.parametrize("name", PROGRAMS)
def test_float64_equals_jax(name: str) -> None:
    function, arguments = PROGRAMS[name]
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda a: np.asarray(a, np.float64), arguments())
        got = jax.tree.leaves(steelyard.jit(function)(*wide))
        want = jax.tree.leaves(jax.jit(function)(*wide))
    for ours, theirs in zip(got, want, strict=True):
        assert np.asarray(ours).dtype == np.float64
        assert error(ours, theirs) <= 1e-13


class Rounding:
    """Compares with the oracle: at most twice its error, each result for itself.

    The errors are root mean squares over several sets of arguments: in a single one, that of a scalar is luck.
    """

    def __init__(self) -> None:
        self.sums: Any = np.zeros(1)

    def add(self, got: list[Any], exact: list[Any], rounded: list[Any]) -> None:
        pairs = zip(got, rounded, exact, strict=True)
        self.sums = self.sums + [(error(g, e) ** 2, error(r, e) ** 2) for g, r, e in pairs]

    def check(self) -> None:
        ours, allowed = np.sqrt(self.sums / SAMPLES).T
        assert np.all(ours <= 2 * allowed), f"errors {ours}\nthe oracle's {allowed}"


SAMPLES = 8
POWERS = (-20, -10, 0, 10, 20)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("function", [forward, jax.value_and_grad(weighted)], ids=["forward", "value_and_grad"])
def test_scalify_float16_at_any_magnitude(function: Any, power: int) -> None:
    compiled = steelyard.jit(function, scheme=steelyard.Scalify(matmul=None))
    rounding = Rounding()
    for seed in range(SAMPLES):
        parameters, x, _ = make(2.0**power, seed)
        y = np.random.default_rng(seed).standard_normal((32, 10)).astype("f4")
        arguments = (parameters, x) if function is forward else (parameters, x, y)
        got = jax.tree.leaves(compiled(*arguments))
        rounding.add(got, evaluate(function, arguments, None), evaluate(function, arguments, 11))
    rounding.check()


def adam_at(power: int) -> Any:
    """Adam is homogeneous: with its rate and its ε scaled as parameters and gradients are, a step is the same."""
    loss = cross_entropy if power == 0 else weighted
    return functools.partial(adam, loss=loss, rate=1e-2 * 2.0**power, epsilon=1e-8 * 4.0**power)


def adam_arguments_at(power: int, seed: int, state: str) -> tuple[Any, ...]:
    """Moments as large as the gradients are, v each element's unless float16 holds it, which has no room."""
    parameters, x, y = make(2.0**power, seed)
    random = np.random.default_rng(seed)
    if power != 0:
        # Then gradients are 4^power and second moments 16^power, normal numbers of float32.
        y = (random.standard_normal(y.shape) * 2.0**-power).astype("f4")
    gradient = jax.grad(cross_entropy if power == 0 else weighted)(parameters, x, y)
    m = jax.tree.map(lambda g: np.asarray(g * (1 + random.standard_normal(g.shape) / 2), "f4"), gradient)
    squares = jax.tree.map(lambda g: g * g if state != "value" else jnp.mean(g * g), gradient)
    v = jax.tree.map(lambda g, s: np.asarray(s * (0.5 + random.random(g.shape)), "f4"), gradient, squares)
    return parameters, m, v, np.float32(3), x, y


def of_roots(step: Any) -> Any:
    """The step with √v in place of v, in and out."""

    def function(parameters: Any, m: Any, s: Any, *rest: Any) -> Any:
        parameters, m, v, *others = step(parameters, m, jax.tree.map(lambda s: s * s, s), *rest)
        return parameters, m, jax.tree.map(jnp.sqrt, v), *others

    return function


def roots(tree: Any) -> Any:
    return jax.tree.map(lambda v: np.sqrt(np.asarray(v, np.float64)), tree)


@pytest.mark.parametrize("state", ["user", "value", "root"])
@pytest.mark.parametrize("power", POWERS)
def test_scalify_float16_adam(power: int, state: str) -> None:
    """With state that stays scaled, its stochastic rounding included.

    A root of 11 bits is a value of 10: so √v is compared with √v, and the oracle keeps it, too. Adam divides by √v, where
    an error of the root counts as one of m does; v itself, kept with ``second_moments="value"``, has the oracle's 11 bits.
    """
    step = adam_at(power)
    moments = "root" if state == "root" else "value"
    scheme = steelyard.Scalify(matmul=None, second_moments=moments)
    compiled = steelyard.jit(step, scheme=scheme, donate_argnums=() if state == "user" else (0, 1, 2, 3))
    if state == "root":
        step = of_roots(step)
    rounding = Rounding()
    for seed in range(SAMPLES):
        arguments = adam_arguments_at(power, seed, state)
        got = compiled(*arguments)
        if state == "root":
            assert all(v.form == "root" for v in jax.tree.leaves(got[2]))
            got = (*got[:2], roots(got[2]), *got[3:])
            arguments = (*arguments[:2], roots(arguments[2]), *arguments[3:])
        rounding.add(jax.tree.leaves(got), evaluate(step, arguments, None), evaluate(step, arguments, 11))
    rounding.check()


@pytest.mark.parametrize("power", [-200, -20, 0, 3, 20])
def test_mask_of_float64s_least_number(power: int) -> None:
    """Scores beside -2^1024, and a row of nothing else: the softmax and its gradient are those of the scores."""
    with jax.enable_x64(True):
        random = np.random.default_rng(0)
        x, weights = random.standard_normal((2, 5, 7))
        mask = np.tril(np.ones((5, 7), bool), 1)
        mask[3] = False
        x, y = np.ldexp(x, power), np.ldexp(weights, -power)

        def attend(x: Any) -> Any:
            scores = jnp.where(mask, x * 2.0**-power * 2, jnp.finfo(x.dtype).min)
            return jax.nn.softmax(scores)

        def both(x: Any) -> Any:
            return attend(x), jax.grad(lambda x: jnp.sum(attend(x) * y))(x)

        got = jax.tree.leaves(steelyard.jit(both, scheme=steelyard.Scalify(matmul=None))(x))
        for g, e, r in zip(got, evaluate(both, (x,), None), evaluate(both, (x,), 11), strict=True):
            assert error(g, e) <= 2 * error(r, e)


@pytest.mark.parametrize("state", ["scaled", "user"])
def test_float64_beyond_float32(state: str) -> None:
    with jax.enable_x64(True):
        step = steelyard.jit(
            lambda v, x: (v + x, 2 * x), scheme=steelyard.Scalify(matmul=None, state=state), donate_argnums=0
        )
        x = np.array([1e300, -3e299, 2.5e298])
        v: Any = np.array([1e-200, 3e300, 0])
        for _ in range(2):
            v, doubled = step(v, x)
        np.testing.assert_allclose(np.asarray(v), [2e300, 2.4e300, 5e298], rtol=2**-9)
        np.testing.assert_allclose(doubled, 2 * x, rtol=2**-10)
        assert np.asarray(v).dtype == doubled.dtype == np.float64


def test_scalars_stay_float32() -> None:
    """Adam's bias correction at t = 1: β₂ in 11 bits would make it wrong by a quarter."""
    correction = steelyard.jit(lambda t: 1 - 0.999**t, scheme=steelyard.Scalify())
    for t in (1, 2, 10, 1000):
        np.testing.assert_allclose(correction(np.float32(t)), 1 - 0.999**t, rtol=2e-4)


def test_a_constant_that_repeats_stays_float32() -> None:
    x = np.ones(64, np.float32)
    scheme = steelyard.Scalify(matmul=None, state="scaled")
    decay = steelyard.jit(lambda x: jnp.sum(0.999 * x), scheme=scheme)
    np.testing.assert_allclose(decay(x), 63.936, rtol=1e-6)


def test_a_counter_of_state_stays_float32() -> None:
    """Float16 counts to 2,048; β₁ᵗ kept as a running product drifts as fast."""

    def step(t: Any, product: Any, x: Any) -> Any:
        return t + 1, 0.9995 * product, x * t

    count = steelyard.jit(step, scheme=steelyard.Scalify(), donate_argnums=(0, 1))
    t: Any = np.float32(2040)
    product: Any = np.float32(1)
    for _ in range(40):
        t, product, _ = count(t, product, np.ones(3, np.float32))
    assert isinstance(t, steelyard.ScaledArray) and t.data.dtype == np.float32
    assert count.recipe_state == {}  # nothing is rounded
    assert float(np.asarray(t)) == 2080
    np.testing.assert_allclose(np.asarray(product), 0.9995**40, rtol=1e-5)


@pytest.mark.parametrize(
    "same",
    [
        lambda x: jnp.max(x, axis=1, keepdims=True),
        lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2), (1, 1), "SAME"),
        lambda x: jnp.abs(x).T.T,
        lambda x: jnp.maximum(x, 0.0)[:, ::-1],
        lambda x: jnp.where(x > 0, x, 0.0)[:, ::-1],
    ],
    ids=["reduce", "window", "abs", "maximum", "select"],
)
@pytest.mark.parametrize("storage", ["float16", "bfloat16"])
def test_elements_of_a_repeated_scalar_stay_float32(same: Any, storage: str) -> None:
    """What is chosen of a broadcast scalar is it, to the last bit: rounded to storage it would differ."""
    scheme = steelyard.Scalify(matmul=None, storage=storage)

    def difference(s: Any) -> Any:
        x = jnp.broadcast_to(s, (2, 4))
        return x - same(x)

    s = np.float32(1.2345678)
    np.testing.assert_array_equal(steelyard.jit(difference, scheme=scheme)(s), np.zeros((2, 4), np.float32))


@pytest.mark.parametrize("reader", [jax.nn.softmax, lambda x: x @ jnp.ones((8, 3))], ids=["softmax", "dot"])
@pytest.mark.parametrize(
    "move",
    [
        lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2), (1, 1), "SAME"),
        lambda x: jnp.sort(x, axis=-1),
        lambda x: x.at[jnp.array([0, 2])].set(0.0),
        lambda x: jax.lax.dynamic_update_slice(x, jnp.zeros((1, 2)), (1, 1)),
    ],
    ids=["window", "sort", "scatter", "update"],
)
def test_masked_scores_are_moved(move: Any, reader: Any) -> None:
    """Beside -1e9 scores are nothing to a contraction and all to a softmax, wherever they have been moved to."""
    x = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
    mask = np.arange(8) < 3

    def f(x: Any) -> Any:
        return reader(move(jnp.where(mask, x, -1e9)))

    got = steelyard.jit(f, scheme=steelyard.Scalify(matmul=None))(x)
    want = np.asarray(jax.jit(f)(x))
    np.testing.assert_allclose(got, want, rtol=2**-9, atol=2**-9 * np.abs(want).max())


def test_masked_scores_are_carried() -> None:
    """A loop carries storage: the mask stays finite there."""
    x = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)

    def f(x: Any) -> Any:
        masked = jnp.where(np.arange(8) < 3, x, -1e9)
        return jax.lax.fori_loop(0, 3, lambda i, y: jax.lax.dynamic_update_slice(y, masked[:2], (i, 0)), jnp.zeros_like(x))

    got = steelyard.jit(f, scheme=steelyard.Scalify(matmul=None))(x)
    np.testing.assert_allclose(got, jax.jit(f)(x), rtol=2**-9, atol=2**-9 * 1e9)


@pytest.mark.parametrize("matmul", [None, "fp8"])
def test_wide_operands_of_a_contraction_are_stored(matmul: str | None) -> None:
    """A constant and a scalar stay float32 until a contraction reads them."""
    product = steelyard.jit(lambda x, s: (x @ jnp.full((4, 2), 0.5)) @ s, scheme=steelyard.Scalify(matmul=matmul))
    single = steelyard.jit(lambda x, s: jnp.sum(x[:1], axis=0, keepdims=True) @ s, scheme=steelyard.Scalify(matmul=matmul))
    x, s = np.ones((3, 4), np.float32), np.ones((2, 1), np.float32)
    np.testing.assert_array_equal(product(x, s), np.full((3, 1), 4, np.float32))
    np.testing.assert_array_equal(single(x[:, :1], s[:1]), [[1]])


@pytest.mark.parametrize(
    "update",
    [
        lambda s: s * 0.5, lambda s: s + s, lambda s: s.T, lambda s: 0.9 * s + 0.1 * jnp.abs(s),
        lambda s: jnp.minimum(s, jnp.abs(s)), lambda s: jnp.maximum(s, jnp.abs(s)),
    ],
)  # fmt: skip
def test_state_that_is_negative_to_begin_with(update: Any) -> None:
    """What stays non-negative once it is need not be."""
    s = np.array([[-1.0, 2], [3, -4]], "f4")
    step = steelyard.jit(lambda s: update(s), scheme=steelyard.Scalify(), donate_argnums=0)
    np.testing.assert_allclose(step(s), update(s), rtol=1e-3)


def test_negative_second_moments_are_compiled_again() -> None:
    def step(v: Any, g: Any) -> Any:
        return 0.5 * v + 0.5 * g * g

    compiled = steelyard.jit(step, scheme=steelyard.Scalify(), donate_argnums=0)
    g = np.array([1.0, 2, 3], "f4")
    root = compiled(np.zeros(3, "f4"), g)
    assert root.form == "root"
    assert any("kept as its square root" in str(r) for r in steelyard.explain(compiled, np.zeros(3, "f4"), g))
    with pytest.warns(UserWarning, match="holds negative numbers"):
        value = compiled(np.array([-1.0, 2, -4], "f4"), g)
    assert value.form == ""
    np.testing.assert_allclose(value, [0, 3, 2.5], atol=2e-3)
    # What it returned before goes in as well.
    np.testing.assert_allclose(compiled(root, g), 0.75 * g * g, rtol=2e-3)
    module = steelyard.compile(
        jax.jit(step, donate_argnums=0).lower(g, g).as_text(), scheme=steelyard.Scalify(second_moments="value")
    )
    np.testing.assert_allclose(module(np.array([-1.0, 2, -4], "f4"), g)[0], [0, 3, 2.5], atol=2e-3)


def test_float64_is_rounded_once() -> None:
    """By way of float32, 1.0625 + 2^-40 would become a tie."""
    with jax.enable_x64(True):
        for dtype, want in ((jnp.float8_e4m3fn, 1.125), (jnp.bfloat16, 1.0625)):
            got = steelyard.jit(lambda x, dtype=dtype: x.astype(dtype))(np.array([1.0625 + 2.0**-40]))
            assert float(got[0]) == want


REDUCED_OVER_NOTHING = """
func.func @main(%x: tensor<4x2xf32>) -> tensor<3x4x2xf32> {{
  %i = stablehlo.constant dense<{initial}> : tensor<f32>
  %0 = stablehlo.reduce(%x init: %i) applies stablehlo.{operation} across dimensions = []
    : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [1, 2] : (tensor<4x2xf32>) -> tensor<3x4x2xf32>
  return %1 : tensor<3x4x2xf32>
}}
"""


@pytest.mark.parametrize("scheme", [None, steelyard.Scalify(matmul=None)], ids=["float32", "scalify"])
@pytest.mark.parametrize("operation, initial", [("add", "0.0"), ("multiply", "1.0"), ("maximum", "0xFF800000")])
def test_reduction_over_no_dimension(operation: str, initial: str, scheme: Any) -> None:
    """Each element as it is, however often it is read."""
    compiled = steelyard.compile(REDUCED_OVER_NOTHING.format(operation=operation, initial=initial), scheme=scheme)
    x = np.arange(2, 10, dtype="f4").reshape(4, 2)
    np.testing.assert_array_equal(compiled(x)[0], np.broadcast_to(x, (3, 4, 2)))
