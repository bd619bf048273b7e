# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loops and branches as JAX prints them: values against JAX itself, and against the rounding oracle when scaled."""

from __future__ import annotations

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
from jax import lax
from oracle import error, evaluate

random = np.random.default_rng(0)
X = random.standard_normal(8)
W = random.standard_normal((8, 8)) / 3
XS = random.standard_normal((5, 8))


def fori(x: Any) -> Any:
    return lax.fori_loop(0, 7, lambda i, c: c * 0.9 + i, x)


def counted(x: Any) -> Any:
    """The number of trips depends on the data."""
    return lax.while_loop(lambda c: jnp.sum(jnp.abs(c[0])) < 100.0, lambda c: (c[0] * 1.5 + 1, c[1] + 1), (x, 0))


def never(x: Any) -> Any:
    return lax.while_loop(lambda c: jnp.sum(c * 0) > 1.0, lambda c: c + 1, x)


def swap(x: Any) -> Any:
    return lax.fori_loop(0, 7, lambda _, c: (c[1], c[0] * 1.1), (x, x + 1))


def rotate(x: Any) -> Any:
    """Carried values change places, one of them reversed."""
    return lax.fori_loop(0, 4, lambda _, c: (c[1][::-1], c[2], c[0] * 1.1), (x, x + 1, x + 2))


def same_twice(x: Any) -> Any:
    return lax.fori_loop(0, 3, lambda _, c: (c[0] * 2, c[0] + c[1]), (x, x))


def nested(x: Any) -> Any:
    def outer(i: Any, c: Any) -> Any:
        return lax.fori_loop(0, i + 1, lambda j, d: d * 1.1 + j, c)

    return lax.fori_loop(0, 3, outer, x)


def branch_in_loop(x: Any) -> Any:
    def body(i: Any, c: Any) -> Any:
        return lax.cond(i % 2 == 0, lambda: c * 2, lambda: c + x)

    return lax.fori_loop(0, 5, body, x)


def loop_in_branch(x: Any) -> Any:
    return lax.cond(jnp.sum(x) < 1e6, lambda: fori(x), lambda: x)


def matmul(x: Any, w: Any) -> Any:
    return lax.fori_loop(0, 3, lambda _, c: jnp.tanh(w @ c), x)


def cond(x: Any) -> Any:
    return lax.cond(x[0] > 0, lambda: (x * 2, x), lambda: (x, x - 1))


def switch(x: Any) -> Any:
    branches = [lambda: x, lambda: x * 2, lambda: jnp.sum(x) * x]
    return [lax.switch(jnp.round(x[0] * 0 + i).astype(int), branches) for i in (-1, 0, 1, 2, 9)]


def associative(xs: Any) -> Any:
    return lax.associative_scan(jnp.add, xs), lax.associative_scan(jnp.multiply, xs, reverse=True)


def rnn(xs: Any, w: Any) -> Any:
    return lax.scan(lambda c, x: (jnp.tanh(w @ c + x), (c, jnp.sum(c))), jnp.zeros(8, xs.dtype), xs)


def rnn_gradient(xs: Any, w: Any) -> Any:
    return jax.value_and_grad(lambda xs, w: jnp.sum(jnp.square(rnn(xs, w)[0])), (0, 1))(xs, w)


def remat(xs: Any, w: Any) -> Any:
    def loss(xs: Any, w: Any) -> Any:
        step = jax.checkpoint(lambda c, x: (jnp.sin(w @ c + x), None))
        return jnp.sum(lax.scan(step, jnp.ones(8, xs.dtype), xs)[0])

    return jax.value_and_grad(loss, (0, 1))(xs, w)


def layers(x: Any, stacked: Any) -> Any:
    """Weights carried through a scan over layers."""
    return lax.scan(lambda c, w: (jnp.tanh(w @ c), None), x, stacked)[0]


def layers_gradient(x: Any, stacked: Any) -> Any:
    return jax.grad(lambda w: jnp.sum(layers(x, w)))(stacked)


def batched_while(xs: Any) -> Any:
    return jax.vmap(lambda x: lax.while_loop(lambda c: jnp.sum(c) < 100.0, lambda c: c * 1.5 + 1, x))(xs)


def batched_cond(xs: Any) -> Any:
    return jax.vmap(lambda x: lax.cond(x[0] > 0, lambda: jnp.sin(x), lambda: x * 2))(xs)


def mapped(xs: Any) -> Any:
    return lax.map(lambda x: jnp.sum(x) * x, xs)


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    f.__name__: (f, arguments)
    for f, arguments in [
        (fori, (X,)), (counted, (X,)), (never, (X,)), (swap, (X,)), (rotate, (X,)), (same_twice, (X,)), (nested, (X,)),
        (branch_in_loop, (X,)), (loop_in_branch, (X,)), (matmul, (X, W)), (cond, (X,)), (switch, (X,)),
        (associative, (XS,)), (rnn, (XS, W)), (rnn_gradient, (XS, W)), (remat, (XS, W)),
        (layers, (X, np.stack([W, W.T, -W]))), (layers_gradient, (X, np.stack([W, W.T, -W]))),
        (batched_while, (XS,)), (batched_cond, (XS,)), (mapped, (XS,)),
    ]
}  # fmt: skip


def single(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(np.float32(a) for a in arguments)


@pytest.mark.parametrize("name", PROGRAMS)
def test_float32_equals_jax(name: str) -> None:
    function, arguments = PROGRAMS[name]
    got = jax.tree.leaves(steelyard.jit(function)(*single(arguments)))
    peer = jax.tree.leaves(jax.jit(function)(*single(arguments)))
    want = evaluate(function, single(arguments), None)
    for ours, theirs, exact in zip(got, peer, want, strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        assert error(ours, exact) <= 4 * error(theirs, exact) + 2**-21


@pytest.mark.parametrize("name", PROGRAMS)
def test_float64_equals_jax(name: str) -> None:
    function, arguments = PROGRAMS[name]
    with jax.enable_x64(True):
        got = jax.tree.leaves(steelyard.jit(function)(*arguments))
        want = jax.tree.leaves(jax.jit(function)(*arguments))
    for ours, theirs in zip(got, want, strict=True):
        assert ours.dtype == theirs.dtype
        assert error(ours, theirs) <= 1e-13


@pytest.mark.parametrize("power", [-20, 0, 20])
@pytest.mark.parametrize("name", [n for n in PROGRAMS if n not in ("counted", "batched_while")])
def test_scalify_float16_at_any_magnitude(name: str, power: int) -> None:
    """At most twice the error of the oracle, every operation of every trip rounded to 11 significant bits."""
    function, arguments = PROGRAMS[name]
    arguments = (np.float32(arguments[0] * 2.0**power), *single(arguments[1:]))
    compiled = steelyard.jit(function, scheme=steelyard.Scalify(matmul=None))
    got = jax.tree.leaves(compiled(*arguments))
    exact = evaluate(function, arguments, None)
    rounded = evaluate(function, arguments, 11)
    ours = max(error(g, e) for g, e in zip(got, exact, strict=True))
    allowed = max(error(r, e) for r, e in zip(rounded, exact, strict=True))
    assert ours <= 2 * allowed, f"error {ours:.2e}, the oracle's {allowed:.2e}"


def test_magnitude_grows_and_shrinks_beyond_float16() -> None:
    """The exponent of a carried value is each trip's own: 2^±60 in float16 data."""
    compiled = steelyard.jit(
        lambda x, f: lax.fori_loop(0, 30, lambda _, c: c * f, x), scheme=steelyard.Scalify(matmul=None)
    )
    x = np.float32([1, -1.5, 0.25])
    np.testing.assert_array_equal(compiled(x, np.float32(4)), x * 2.0**60)
    np.testing.assert_array_equal(compiled(x, np.float32(0.25)), x * 2.0**-60)


@pytest.mark.parametrize("value", [0.0, np.inf, -np.inf, np.nan])
def test_special_values_are_carried(value: float) -> None:
    x = np.float32([value, 1, -2])
    compiled = steelyard.jit(fori, scheme=steelyard.Scalify(matmul=None))
    np.testing.assert_allclose(compiled(x), jax.jit(fori)(x), rtol=2e-3)


def test_creep() -> None:
    """64 chained additions: the scale grows with the sum."""
    compiled = steelyard.jit(lambda x: lax.fori_loop(0, 64, lambda _, c: c + x, x), scheme=steelyard.Scalify(matmul=None))
    np.testing.assert_allclose(compiled(X.astype("f4")), 65 * X, rtol=1e-2)


def test_fp8_in_a_scan_over_layers() -> None:
    """Weights are quantised once, outside of a loop that only reads them; each layer's slice has a role."""
    step = steelyard.jit(matmul, scheme=steelyard.Scalify(matmul="fp8"))
    got = step(*single((X, W)))
    assert error(got, jax.jit(matmul)(*single((X, W)))) < 0.1
    remarks = [str(r) for r in steelyard.explain(step, *single((X, W)))]
    assert any("contraction in" in r and "f8E4M3FN" in r for r in remarks)


def test_state_of_a_recipe_is_not_kept_in_a_loop() -> None:
    step = steelyard.jit(matmul, scheme=steelyard.Scalify(matmul=steelyard.Recipe("fp8-delayed")))
    remarks = [str(r) for r in steelyard.explain(step, *single((X, W)))]
    assert any("'fp8-delayed' keeps one state a step, and this runs in a loop or branch" in r for r in remarks)


CHOICE = """
func.func public @main(%v16: tensor<i32>) -> (tensor<8xf32>, tensor<5xf32>, tensor<f32>, tensor<8x17xf32>) {
  %v17 = stablehlo.iota dim = 0 : tensor<5xf32>
  %v18 = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %v19 = stablehlo.reduce(%v17 init: %v18) applies stablehlo.maximum across dimensions = [0]
    : (tensor<5xf32>, tensor<f32>) -> tensor<f32>
  %v20 = stablehlo.broadcast_in_dim %v19, dims = [] : (tensor<f32>) -> tensor<5xf32>
  %v21 = stablehlo.subtract %v17, %v20 : tensor<5xf32>
  %v22 = stablehlo.exponential %v21 : tensor<5xf32>
  %v23 = stablehlo.constant dense<0.0> : tensor<f32>
  %v24 = stablehlo.reduce(%v22 init: %v23) applies stablehlo.add across dimensions = [0]
    : (tensor<5xf32>, tensor<f32>) -> tensor<f32>
  %v25 = stablehlo.broadcast_in_dim %v24, dims = [] : (tensor<f32>) -> tensor<5xf32>
  %v29 = stablehlo.tan %v25 : tensor<5xf32>
  %v32 = stablehlo.constant dense<3> : tensor<ui32>
  %v33 = stablehlo.broadcast_in_dim %v32, dims = [] : (tensor<ui32>) -> tensor<8x1xui32>
  %v34 = "stablehlo.gather"(%v17, %v33) <{
    dimension_numbers = #stablehlo.gather<offset_dims = [], collapsed_slice_dims = [0], start_index_map = [0],
    index_vector_dim = 1>, indices_are_sorted = false, slice_sizes = array<i64: 1>
  }> : (tensor<5xf32>, tensor<8x1xui32>) -> tensor<8xf32>
  %v35 = stablehlo.power %v29, %v29 : tensor<5xf32>
  %v48:1 = "stablehlo.case"(%v16) ({
  stablehlo.return %v24 : tensor<f32>
  }, {
  stablehlo.return %v19 : tensor<f32>
  }) : (tensor<i32>) -> (tensor<f32>)
  %v49 = stablehlo.constant dense<100.0> : tensor<17xf32>
  %v50 = stablehlo.dot_general %v34, %v49, contracting_dims = [] x []
    : (tensor<8xf32>, tensor<17xf32>) -> tensor<8x17xf32>
  %v51 = stablehlo.abs %v50 : tensor<8x17xf32>
  return %v34, %v35, %v48#0, %v51 : tensor<8xf32>, tensor<5xf32>, tensor<f32>, tensor<8x17xf32>
}
"""


def test_a_branch_gives_what_was_computed_before() -> None:
    """Its result is one of two older tensors, which live on with it: their memory was given away at the choice."""
    compiled = steelyard.compile(CHOICE, scheme=steelyard.Scalify(matmul=None))
    for index, want in ((0, np.exp(-np.arange(5.0)).sum()), (1, 4.0), (7, 4.0)):
        *_, chosen, _ = compiled(np.int32(index))
        assert error(chosen, np.float64(want)) < 2**-10


def test_integers_and_random_bits_are_exact() -> None:
    def f(key: Any, n: Any) -> Any:
        bits = jax.random.bits(key, (7,))
        return bits, lax.fori_loop(0, n, lambda i, c: c * 3 + i, jnp.uint32(1)), jax.random.split(key, 3)

    key = jax.random.key_data(jax.random.key(3))
    wrapped = lambda data, n: jax.tree.map(  # noqa: E731
        lambda v: jax.random.key_data(v) if jnp.issubdtype(v.dtype, jax.dtypes.prng_key) else v,
        f(jax.random.wrap_key_data(data), n),
    )
    for scheme in (None, steelyard.Scalify()):
        got = steelyard.jit(wrapped, scheme=scheme)(key, np.int32(5))
        for ours, theirs in zip(got, jax.jit(wrapped)(key, np.int32(5)), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_interrupt_of_an_endless_loop() -> None:
    """Ctrl-C stops a loop that would not end."""
    program = """
        import jax.numpy as jnp, numpy as np, steelyard
        from jax import lax
        loop = steelyard.jit(lambda x: lax.while_loop(lambda c: jnp.sum(c) < 100, lambda c: c * 1, x))
        loop(np.full(4, 100, "f4"))
        try:
            print("compiled", flush=True)
            loop(np.zeros(4, "f4"))
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
    # A shell that started this in the background would have it ignore the signal.
    command = ["env", "--default-signal=INT", sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "compiled\n"
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert output == "interrupted\n"
