# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What scaling promises of whole programs: homogeneity to the bit, float64's infinities and NaN, integers as exponents."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steelyard
from corpus import PROGRAMS as PROGRAMS_OF_CORPUS
from jax import lax
from oracle import evaluate

# Results come back as they are stored, (data, exponent), if they are state; rounded to nearest: no random bits.
SCHEME = steelyard.Scalify(matmul=None, state_rounding="nearest", second_moments="value")
LEAST = -(2**20)
random = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return random.standard_normal(shape).astype("f4")


def stored(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function, its results (data, exponent): each is that of a donated argument of its shape."""
    slots = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), jax.eval_shape(function, *arguments))
    step = steelyard.jit(lambda slots, *arguments: function(*arguments), donate_argnums=(0,), scheme=SCHEME)
    return lambda *arguments: jax.tree.leaves(step(slots, *arguments), is_leaf=lambda a: hasattr(a, "exponent"))


# --- Homogeneity: f(2^k x) = 2^(degree × k) f(x) -------------------------------------------------------------------------


def linear(p: Any, x: Any) -> Any:
    return (x @ p[0]) @ p[1]


def perceptron(p: Any, x: Any) -> Any:
    return jax.nn.relu(jax.nn.relu(x @ p[0]) @ p[1])


def perceptron_gradient(p: Any, x: Any) -> Any:
    return jax.grad(lambda p: jnp.sum(jnp.square(perceptron(p, x))))(p)


def convolutional(p: Any, x: Any) -> Any:
    x = lax.conv_general_dilated(x, p, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    x = lax.reduce_window(jax.nn.leaky_relu(x, 0.25), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return jnp.mean(x, (1, 2))


def convolutional_gradient(p: Any, x: Any) -> Any:
    return jax.grad(lambda p: jnp.sum(convolutional(p, x)))(p)


def recurrent(p: Any, xs: Any) -> Any:
    """Degree 1 if the weights stay: only the inputs are scaled."""
    return lax.scan(lambda h, x: (jax.nn.relu(h @ p[0] + x),) * 2, jnp.zeros_like(xs[0]), xs)


def stacked(xs: Any) -> Any:
    return lax.scan(lambda c, x: (c + x, c * 2 - x), xs[0], xs)[1]


def momentum(parameters: Any, trace: Any, gradients: Any) -> Any:
    trace = 0.9 * trace + gradients
    return parameters - 0.1 * trace, trace


def ordered(x: Any) -> Any:
    return jnp.sort(x), jnp.cumsum(x, 0), lax.cummax(x), lax.top_k(x, 2)[0], jnp.median(x, 1)


def moved(x: Any) -> Any:
    return (
        jnp.concatenate([x, x[::-1] * 3]),
        jnp.pad(x, 1),
        x.T[:, ::2],
        x[np.array([2, 0, 1])],
        jnp.where(x > 0, x, -2 * x),
    )


def norms(x: Any) -> Any:
    return jnp.linalg.norm(x, axis=1), jnp.max(jnp.abs(x), 0), jnp.sum(x, 0)


def normalised(x: Any) -> Any:
    return x / jnp.linalg.norm(x, axis=1, keepdims=True), x / jnp.max(jnp.abs(x)), jnp.sign(x)


def segments(x: Any) -> Any:
    return jax.ops.segment_sum(x, np.array([0, 1, 1]), 2), jnp.zeros_like(x).at[np.array([1, 1, 0])].max(jnp.abs(x))


def rooted(x: Any) -> Any:
    return jnp.sqrt(jnp.abs(x)), jnp.sqrt(jnp.sum(jnp.abs(x), 1))


def inverse(x: Any) -> Any:
    return 1 / x, jnp.reciprocal(jnp.sum(x, 0))


X, P = normal(3, 6), [normal(6, 8), normal(8, 6)]
IMAGES, KERNEL = normal(2, 6, 6, 3), normal(3, 3, 3, 4)
# What is scaled with everything else held, and the degree of all results in it; half of a degree takes even k.
HOMOGENEOUS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], float]] = {
    "linear": (linear, (P, X), 3),
    "linear in inputs": (lambda x: linear(P, x), (X,), 1),
    "perceptron": (perceptron, (P, X), 3),
    "perceptron in inputs": (lambda x: perceptron(P, x), (X,), 1),
    "perceptron in parameters": (lambda p: perceptron(p, X), (P,), 2),
    "perceptron gradient": (perceptron_gradient, (P, X), 5),
    "convolutional": (convolutional, (KERNEL, IMAGES), 2),
    "convolutional gradient": (convolutional_gradient, (KERNEL, IMAGES), 1),
    "recurrent": (lambda xs: recurrent([P[0][:, :6] / 4], xs), (normal(5, 3, 6),), 1),
    "stacked": (stacked, (normal(5, 3, 6),), 1),
    "momentum": (momentum, (X, normal(3, 6), normal(3, 6)), 1),
    "ordered": (ordered, (X,), 1),
    "moved": (moved, (X,), 1),
    "norms": (norms, (X,), 1),
    "normalised": (normalised, (X,), 0),
    "segments": (segments, (X,), 1),
    "rooted": (rooted, (X,), 0.5),
    "inverse": (inverse, (X,), -1),
    "branch": (lambda x: lax.cond(x[0, 0] > 0, lambda: x * 2, lambda: x[::-1]), (X,), 1),
}


@pytest.mark.parametrize("name", HOMOGENEOUS)
def test_a_power_of_two_moves_the_exponents_alone(name: str) -> None:
    """Data bit for bit, exponents by degree × k: also where the values are far beyond float32."""
    function, arguments, degree = HOMOGENEOUS[name]
    compiled = stored(function, *arguments)
    base = compiled(*arguments)
    for k in (1, -1, 7, -20, 33, 64, -100, 100):
        k *= 2 if degree == 0.5 and k % 2 else 1
        got = compiled(*jax.tree.map(lambda a, k=k: np.ldexp(a, k), arguments))
        for before, after in zip(base, got, strict=True):
            assert before.data.tobytes() == after.data.tobytes()
            assert after.exponent - before.exponent == degree * k


# Programs of the corpus in which biases and moments are zero to begin with.
CORPUS = ["mlp", "lenet, maxima", "order", "segment_sum", "sgd", "sgd, nesterov"]


@pytest.mark.parametrize("name", CORPUS)
def test_a_power_of_two_moves_the_exponents_of_programs_alone(name: str) -> None:
    function, arguments = PROGRAMS_OF_CORPUS[name]
    compiled = stored(function, *arguments)
    results = {}
    for k in (0, 1, -20, 33, -50, 50):
        results[k] = compiled(*jax.tree.map(lambda a, k=k: np.ldexp(a, k) if a.dtype.kind == "f" else a, arguments))
    for k, got in results.items():
        for zero, one, after in zip(results[0], results[1], got, strict=True):
            if zero.dtype.kind != "f":
                np.testing.assert_array_equal(zero, after)
                continue
            assert zero.data.tobytes() == after.data.tobytes()
            assert after.exponent - zero.exponent == k * (one.exponent - zero.exponent)


# --- Infinities and NaN ---------------------------------------------------------------------------------------------------

FAMILIES: dict[str, Callable[..., Any]] = {
    "arithmetic": lambda x, y: (x + y, x - y, x * y, x / y, jnp.maximum(x, y), jnp.minimum(x, y), x**2, x**-1),
    "functions": lambda x, y: (
        jnp.exp(x),
        jnp.log(x),
        jnp.sqrt(x),
        lax.rsqrt(x),
        jnp.tanh(x),
        jnp.sin(x),
        jax.nn.sigmoid(x),
        lax.erf(x),
        jnp.expm1(x),
        jnp.log1p(x),
        jnp.power(x, y),
        jnp.arctan2(x, y),
        jnp.floor(x),
        jnp.sign(x),
        jnp.abs(x),
        lax.cbrt(x),
    ),
    "choices": lambda x, y: (jnp.where(x > y, x, y), jnp.clip(x, -1, y), jax.nn.relu(x), jnp.nan_to_num(x) * 0 + y),
    "comparisons": lambda x, y: (x > y, x == y, x != y, jnp.isfinite(x), jnp.isnan(x)),
    "reductions": lambda x, y: (jnp.sum(x, 0), jnp.max(x, 0), jnp.min(x, 1), jnp.mean(x), jnp.argmax(x), jnp.cumsum(x)),
    "contractions": lambda x, y: (x @ y.T, jnp.einsum("ij,ij->i", x, y), jnp.outer(x[0], y[1])),
    "moves": lambda x, y: (
        jnp.concatenate([x, y]),
        jnp.pad(x, 1),
        x[::-1],
        x[np.array([1, 0])],
        x.T,
        x.reshape(-1)[3:9],
        jnp.broadcast_to(x, (2, *x.shape)),
        lax.dynamic_slice(x, (1, 1), (2, 2)),
        lax.dynamic_update_slice(x, y[:1, :2], (1, 0)),
        jnp.zeros_like(x).at[1].add(y[0]),
    ),
    "order": lambda x, y: (jnp.sort(x), jnp.argsort(x), lax.top_k(x, 2), lax.cummax(x)),
    "convolutions": lambda x, y: lax.conv_general_dilated(x[None, None], y[None, None, :2, :2], (1, 1), "SAME"),
    "windows": lambda x, y: (
        lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 1), "SAME"),
        lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (1, 1), "VALID"),
    ),
    "loops": lambda x, y: (
        lax.scan(lambda c, a: (c + a, c * a), y[0], x),
        lax.fori_loop(0, 3, lambda _, c: c * y, x),
        lax.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, c[1] - y), (0, x)),
    ),
    "branches": lambda x, y: lax.cond(y[2, 2] < 9, lambda: (x, y + x), lambda: (y, x)),
}


def attention(q: Any, k: Any, v: Any) -> Any:
    return jax.nn.softmax(q @ k.T) @ v


def layer_norm(x: Any) -> Any:
    return (x - x.mean(-1, keepdims=True)) * lax.rsqrt(x.var(-1, keepdims=True) + 1e-5)


PROGRAMS: dict[str, Callable[..., Any]] = {
    "perceptron": lambda x, y: jax.nn.gelu(x @ y) @ y,
    "attention": lambda x, y: attention(x, y, x + y),
    "attention gradient": lambda x, y: jax.grad(lambda x: jnp.sum(attention(x, y, y)))(x),
    "layer norm": lambda x, y: layer_norm(x) * y,
    "softmax": lambda x, y: (jax.nn.softmax(x), jax.nn.log_softmax(x)),
    "momentum": lambda x, y: momentum(x, y, x * y),
    "layers": lambda x, y: lax.scan(lambda c, w: (jnp.tanh(c * w), c), y[0], x),
    "layers gradient": lambda x, y: jax.grad(lambda x: jnp.sum(lax.scan(lambda c, w: (c * w, c), y[0], x)[0]))(x),
}


def kinds(value: Any) -> Any:
    """0 for finite numbers, 1 and -1 for infinities, 2 for NaN."""
    value = np.asarray(value, np.float64)
    return np.where(np.isnan(value), 2.0, np.where(np.isinf(value), np.sign(value), 0.0))


@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("name", [*FAMILIES, *PROGRAMS])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_infinities_and_nan_are_where_float64_has_them(name: str, special: float) -> None:
    """At chosen places of one argument, of both, and beside zeros; what is finite stays finite."""
    function = {**FAMILIES, **PROGRAMS}[name]
    x, y = (np.float32(np.arange(1, 17).reshape(4, 4) % 7 - 2.5) / 2, np.float32(np.arange(16).reshape(4, 4) % 5 - 1.5))
    with_special = [a.copy() for a in (x, y)]
    with_special[0][1, 2] = with_special[1][2, 0] = special
    zero = np.where(np.arange(16).reshape(4, 4) % 3 == 0, 0, x).astype("f4")
    compiled = steelyard.jit(function, scheme=SCHEME)
    for arguments in ((x, y), (with_special[0], y), (x, with_special[1]), tuple(with_special), (with_special[0], zero)):
        want = evaluate(function, arguments, None)
        for got, exact in zip(jax.tree.leaves(compiled(*arguments)), want, strict=True):
            if exact.dtype.kind == "f":
                np.testing.assert_array_equal(kinds(got), kinds(exact))
            else:
                np.testing.assert_array_equal(got, exact)


# --- Exponents ------------------------------------------------------------------------------------------------------------


def trained(p: Any, x: Any) -> Any:
    """Loops, branches and a reduction, each with scaled values inside."""
    loss, gradient = jax.value_and_grad(lambda p: jnp.sum(perceptron(p, x) ** 2))(p)
    trace = lax.scan(lambda c, g: (c * 0.5 + g, c), jnp.zeros_like(x[0]), x)
    return lax.cond(loss > 1, lambda: gradient, lambda: p), trace, jax.nn.softmax(x)


@pytest.mark.parametrize("matmul", [None, "fp8", steelyard.Recipe("fp8-delayed")])
def test_every_scale_is_an_exponent(matmul: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No scaled tensor has another kind of scale, and none that leaves an operation is anything but i32."""
    monkeypatch.setitem(os.environ, "STEELYARD_DUMP", str(tmp_path))
    compiled = steelyard.jit(trained, scheme=steelyard.Scalify(matmul=matmul), donate_argnums=(0,))
    compiled(P, X)
    (text,) = [path.read_text() for path in tmp_path.glob("*-jit_trained/02-scheme.mlir")]
    types = set(re.findall(r"(?<!\w)(?:!scaled\.tensor)?<((?:\d+x)*[if]\w+, [^>]*)>", text))
    assert len(types) > 5
    for type in types:
        assert re.fullmatch(r"(?:\d+x)*(?:f16|f32|f8E4M3FN|f8E5M2), exp(?:\[[1*](?:, [1*])*\])?", type), type
    scales = re.findall(r"scaled\.(?:exponent_\w+|constant_exponent) .*: (\S+)$", text, re.MULTILINE)
    scales += re.findall(r"scaled\.unpack .* -> tensor<.*?>, (\S+)$", text, re.MULTILINE)
    assert len(scales) > 20
    for scale in scales:
        assert re.fullmatch(r"tensor<(?:\d+x)*i32>", scale), scale


def test_exponents_stay_within_their_range() -> None:
    """Squared 40 times, 2^±(100 × 2^40) at last: the exponent stops at its limits, above the mark of zero."""
    x = np.float32([1, -1.5, 0.25, 0])

    def squares(x: Any, first: Any) -> Any:
        return lax.fori_loop(0, 40, lambda _, c: c * c, x * first)

    compiled = stored(squares, x, np.float32(2))
    (large,), (small,) = compiled(x, np.float32(2.0**100)), compiled(x, np.float32(2.0**-100))
    assert large.exponent == 2**20 and LEAST < small.exponent < LEAST + 32
    for got in (large, small):
        assert isinstance(got.exponent, int) and not np.isnan(got.data).any()
    (quotient,) = stored(lambda x, f: squares(x, f) / squares(x, 1 / f), x, np.float32(2))(x, np.float32(2.0**100))
    assert LEAST < quotient.exponent <= 2**20


ZEROS: dict[str, Callable[..., Any]] = {
    "product": lambda z, x: z * x,
    "quotient": lambda z, x: z / (jnp.abs(x) + 1),
    "sum of zeros": lambda z, x: z + z,
    "difference": lambda z, x: x - x,
    "negated": lambda z, x: -z,
    "root": lambda z, x: jnp.sqrt(z),
    "tanh": lambda z, x: jnp.tanh(z),
    "relu": lambda z, x: jax.nn.relu(z),
    "contraction": lambda z, x: z @ x.T,
    "reduction": lambda z, x: jnp.sum(z, 0),
    "maximum": lambda z, x: jnp.max(z, 0),
    "transpose": lambda z, x: z.T,
    "slice": lambda z, x: z[1:, ::2],
    "concatenated": lambda z, x: jnp.concatenate([z, z]),
    "padded": lambda z, x: jnp.pad(z, 1),
    "gathered": lambda z, x: z[np.array([1, 0])],
    "selected": lambda z, x: jnp.where(x > 0, z, jnp.zeros_like(x)),
    "sorted": lambda z, x: jnp.sort(z),
    "prefixes": lambda z, x: jnp.cumsum(z, 0),
    "scattered": lambda z, x: jnp.zeros_like(x).at[1].add(z[0]),
    "updated": lambda z, x: lax.dynamic_update_slice(z, z[:1], (1, 0)),
    "scan": lambda z, x: lax.scan(lambda c, a: (c * a, c * a), z[0], x),
    "loop": lambda z, x: lax.fori_loop(0, 3, lambda _, c: c * x, z),
    "branch": lambda z, x: lax.cond(x[0, 0] > 0, lambda: z, lambda: z * 2),
}


@pytest.mark.parametrize("name", ZEROS)
def test_zero_has_the_neutral_exponent(name: str) -> None:
    """Where it is added to, it has no say: the sum keeps the other's scale and bits."""
    z, x = np.zeros((3, 3), "f4"), np.float32(np.arange(9).reshape(3, 3) - 4.5) * np.float32(2.0**-60)
    for got in stored(ZEROS[name], z, x)(z, x):
        assert got.exponent == LEAST and not got.data.any(), name

    def beside(z: Any, x: Any) -> Any:
        return [jnp.full(r.shape, 2.0**-90, jnp.float32) * x[0, 1] + r for r in jax.tree.leaves(ZEROS[name](z, x))]

    alone = stored(lambda x: [r * x[0, 1] for r in (jnp.full((3, 3), 2.0**-90, jnp.float32),)], x)(x)[0]
    for got in stored(beside, z, x)(z, x):
        assert got.exponent == alone.exponent and np.all(got.data == alone.data.flat[0])
