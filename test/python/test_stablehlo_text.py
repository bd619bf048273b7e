# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What JAX prints, through steelyard-opt, is to jaxlib's own StableHLO parser what it was before.

The oracle is jaxlib: its parser reads what ours printed, and its generic form with locations must not differ; after
`-normalise` its interpreter must compute the same bits.
"""

import os
import pathlib
import re
import subprocess
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax._src.interpreters.mlir import make_ir_context
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build"))
OPT = BUILD.resolve() / "bin" / "steelyard-opt"


def opt(text: str, *flags: str) -> str:
    done = subprocess.run([str(OPT), "-", *flags], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def canonical(text: str, debug: bool) -> str:
    """jaxlib's generic form of a module given as text."""
    with make_ir_context():
        module = ir.Module.parse(text)
        printed = str(module.operation.get_asm(print_generic_op_form=True, enable_debug_info=debug))
    # The arguments of a loop are where they were read: the published form has no other place for them.
    return re.sub(r'loc\("(-|<stdin>)":\d+:\d+\)', "loc(unknown)", printed)


def evaluate(text: str, arguments: list[np.ndarray]) -> list[str]:
    """The results of @main by jaxlib's reference interpreter, as attributes: their text is exact."""
    # The interpreter does not know chlo.
    text = re.sub(r"chlo\.square (%\w+) : (\S+) -> \S+", r"stablehlo.multiply \1, \1 : \2", text)
    with make_ir_context():
        module = ir.Module.parse(text)
        unsigned = {np.dtype(np.uint32): ir.IntegerType.get_unsigned(32)}
        attributes = [
            ir.DenseElementsAttr.get(np.asarray(a, order="C"), shape=a.shape, type=unsigned.get(a.dtype)) for a in arguments
        ]
        return [str(r) for r in stablehlo.eval_module(module, attributes)]


BATCH, FEATURES, HIDDEN, CLASSES = 8, 16, 12, 10
rng = np.random.default_rng(0)
X = rng.normal(size=(BATCH, FEATURES)).astype(np.float32)
Y = rng.integers(0, CLASSES, size=BATCH).astype(np.int32)
PARAMETERS = [
    (rng.normal(size=s).astype(np.float32), np.zeros(s[1], np.float32))
    for s in ((FEATURES, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, CLASSES))
]


def forward(parameters: Any, x: Any) -> Any:
    for w, b in parameters[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = parameters[-1]
    return x @ w + b


def one_hot_loss(parameters: Any, x: Any, y: Any) -> Any:
    return -jnp.mean(jnp.sum(jax.nn.one_hot(y, CLASSES) * jax.nn.log_softmax(forward(parameters, x)), -1))


def gather_loss(parameters: Any, x: Any, y: Any) -> Any:
    log_p = jax.nn.log_softmax(jnp.tanh(forward(parameters, x)))
    return -jnp.mean(jnp.take_along_axis(log_p, y[:, None], axis=1))


def accuracy(parameters: Any, x: Any, y: Any) -> Any:
    return jnp.mean(jnp.argmax(forward(parameters, x), -1) == y)


def adam(parameters: Any, m: Any, v: Any, step: Any, x: Any, y: Any) -> Any:
    loss, g = jax.value_and_grad(one_hot_loss)(parameters, x, y)
    step = step + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * jnp.square(g), v, g)
    t = step.astype(jnp.float32)

    def update(p: Any, m: Any, v: Any) -> Any:
        return p - 1e-3 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)

    return loss, jax.tree.map(update, parameters, m, v), m, v, step


def nested(x: Any) -> Any:
    inner = jax.jit(lambda a: jnp.where(a > 0, a, 0.5 * a))
    outer = jax.jit(lambda a: inner(a) + inner(-a))
    return outer(x) * outer(2 * x)


def elementwise(x: Any) -> Any:
    return (
        jnp.exp(x), jnp.expm1(x), jnp.log(jnp.abs(x)), jnp.log1p(jnp.abs(x)), jnp.sqrt(jnp.abs(x)),
        lax.rsqrt(jnp.abs(x)), jnp.cbrt(x), jnp.tanh(x), jax.nn.sigmoid(x), jnp.sin(x), jnp.cos(x), jnp.tan(x),
        jnp.floor(x), jnp.ceil(x), jnp.round(x), jnp.sign(x), -x, lax.is_finite(x), lax.rem(x, 0.3 + 0 * x),
        jnp.arctan2(x, x + 1), x**2.5, jnp.clip(x, -1, 1), lax.clamp(-1.0, x, 1.0), lax.reduce_precision(x, 5, 2),
        jnp.maximum(x, 0), jnp.minimum(x, 0), jnp.square(x), lax.optimization_barrier(x),
    )  # fmt: skip


def functions_of_chlo(x: Any) -> Any:
    u = x / 10
    return (
        lax.erf(x), lax.erfc(x), lax.erf_inv(u), lax.lgamma(x), jnp.arcsin(u), jnp.arccos(u), jnp.arctan(x),
        jnp.sinh(x), jnp.cosh(x), jnp.arcsinh(x), jnp.arccosh(1 + jnp.abs(x)), jnp.arctanh(u), lax.top_k(x, 3),
        jax.nn.gelu(x, approximate=False), lax.digamma(1 + jnp.abs(x)), lax.nextafter(x, u),
        lax.exp(x, accuracy=lax.AccuracyMode.HIGHEST),
        lax.tanh(x, accuracy=lax.Tolerance(atol=1e-5, rtol=0.25, ulps=3)),
    )  # fmt: skip


def movement(x: Any, i: Any) -> Any:
    return (
        x.T, x.reshape(2, -1), x[::2, 1:5], x[::-1], jnp.concatenate([x, x], 1), jnp.pad(x, ((1, 2), (0, 3))),
        lax.pad(x, 0.0, ((-1, 0, 2), (0, 1, 0))), lax.dynamic_slice(x, (i, 0), (2, 3)),
        lax.dynamic_update_slice(x, jnp.ones((2, 2)), (i, i)), x[i], jnp.take(x, jnp.array([3, 1]), axis=0),
        jnp.broadcast_to(x[0], (3, FEATURES)), jnp.arange(5), jnp.eye(3),
    )  # fmt: skip


def integers(a: Any, b: Any) -> Any:
    return (
        a + b, a * b, a - b, a // (b | 1), a % (b | 1), a & b, a | b, a ^ b, ~a, a << 3, a >> b % 31,
        lax.population_count(a), a < b, jnp.max(a), lax.bitcast_convert_type(a, jnp.float32),
        a.astype(jnp.int8), a.astype(jnp.bool_), lax.clz(a), lax.bitcast_convert_type(a, jnp.int8),
        lax.bitcast_convert_type(lax.bitcast_convert_type(a, jnp.uint16), jnp.float32),
    )  # fmt: skip


def reductions(x: Any) -> Any:
    return jnp.sum(x, 0), jnp.max(x, 1), jnp.min(x), jnp.prod(x, 0), jnp.all(x > 0, 1), jnp.any(x > 0), jnp.argmin(x, 0)


def control_flow(x: Any, i: Any) -> Any:
    return (
        lax.while_loop(lambda c: jnp.sum(c) < 100.0, lambda c: c * 1.5 + 1, x),
        lax.fori_loop(0, i, lambda k, c: (c[1], c[0] + k), (x, x)),
        lax.cond(i > 0, lambda: (x, i), lambda: (-x, i + 1)),
        lax.switch(i, [lambda: x, lambda: 2 * x, lambda: jnp.cos(x)]),
        lax.scan(lambda c, v: (c + v, c * v), x[0], x),
        jax.random.bits(jax.random.key(0), (3,)),
    )


def ordering(x: Any, i: Any) -> Any:
    return (
        jnp.sort(x), jnp.sort(x, axis=0), jnp.argsort(x, descending=True), jnp.sort(i, stable=False),
        lax.sort((jnp.round(x), x), num_keys=2, dimension=0), jnp.median(x, axis=1), jnp.sort(i.astype(jnp.uint32)),
    )  # fmt: skip


def scatter(x: Any, i: Any) -> Any:
    row = x[0]
    batched = jax.vmap(lambda x, i: x.at[i].add(1.0))(x, jnp.tile(i, (BATCH, 1)))
    return (
        x.at[i].add(row), x.at[i].set(row), x.at[i].max(row), x.at[i].min(row), x.at[i].multiply(row),
        x.at[i, i].set(1.0, unique_indices=True, indices_are_sorted=True), x.at[2].add(1.0), x.at[:, i].set(0.0),
        jax.grad(lambda x: jnp.sum(x[i] ** 2))(x), jax.ops.segment_sum(x, i, 5), batched,
    )  # fmt: skip


def random_bits(key: Any) -> Any:
    return [
        lax.rng_bit_generator(key, shape, dtype, algorithm)
        for algorithm in map(lax.RandomAlgorithm, range(3))
        for shape, dtype in (((3, 4), jnp.uint32), ((5,), jnp.uint8), ((), jnp.uint16))
    ]


def through(dtype: Any) -> Callable[..., Any]:
    def f(x: Any, w: Any) -> Any:
        a, b = x.astype(dtype), w.astype(dtype)
        return (
            a,
            lax.dot_general(a, b, (((1,), (0,)), ((), ())), preferred_element_type=jnp.float32),
            a.astype(jnp.float32),
        )

    return f


NHWC = ("NHWC", "HWIO", "NHWC")


SAME = {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": NHWC}


def convolution(x: Any, w: Any, **options: Any) -> Any:
    return lax.conv_general_dilated(x, w, **{**SAME, **options})


def gradients(**options: Any) -> Callable[..., Any]:
    return jax.grad(lambda x, w: jnp.sum(convolution(x, w, **options) ** 2), (0, 1))


DILATED = {"window_strides": (2, 1), "padding": ((2, -1), (1, 3)), "lhs_dilation": (1, 2), "rhs_dilation": (2, 1)}


def max_and_sum_pooling(x: Any) -> Any:
    window = {"window_dimensions": (1, 2, 2, 1), "window_strides": (1, 2, 2, 1)}
    most = lax.reduce_window(x, -jnp.inf, lax.max, padding="SAME", **window)
    return most, lax.reduce_window(x, 0.0, lax.add, padding="VALID", **window)


def pooling(x: Any) -> Any:
    return (
        *max_and_sum_pooling(x),
        lax.reduce_window(x, 1.0, lax.mul, (1, 2, 2, 1), (1, 1, 1, 1), "SAME", (1, 2, 1, 1), (1, 1, 2, 1)),
        lax.reduce_window(
            (x, 2 * x), (0.0, 1.0), lambda a, b: (a[0] + b[0], a[1] * b[1]), (1, 2, 2, 1), (1, 1, 1, 1), "VALID"
        ),
    )


def pooled_loss(x: Any) -> Any:
    most, sums = max_and_sum_pooling(x)
    return jnp.sum(most**2) + jnp.sum(sums**3)


def prefixes(x: Any) -> Any:
    return (
        jnp.cumsum(x, 1), jnp.cumprod(x, 0), lax.cummax(x, 1, reverse=True), lax.cummin(x, 0), lax.cumlogsumexp(x, 1),
        jnp.argmax(x, 1), lax.reduce((x, x), (0.0, 1.0), lambda a, b: (a[0] + b[0], a[1] * b[1]), (0,)),
    )  # fmt: skip


UNSIGNED = rng.integers(0, 2**32, size=(2, 9), dtype=np.uint32)
SIGNED = UNSIGNED.view(np.int32)
ZEROS = jax.tree.map(np.zeros_like, PARAMETERS)
W0 = PARAMETERS[0][0]
PICTURES = rng.normal(size=(2, 8, 6, 4)).astype(np.float32)
FILTERS = rng.normal(size=(3, 3, 4, 6)).astype(np.float32)
VOLUMES = rng.normal(size=(2, 3, 2, 3, 2)).astype(np.float32)
IMAGES = rng.normal(size=(3, 4, 5)).astype(np.float32)

PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "forward": (forward, (PARAMETERS, X)),
    "loss": (one_hot_loss, (PARAMETERS, X, Y)),
    "gather": (gather_loss, (PARAMETERS, X, Y)),
    "value_and_grad": (jax.value_and_grad(one_hot_loss), (PARAMETERS, X, Y)),
    "adam": (adam, (PARAMETERS, ZEROS, ZEROS, np.int32(0), X, Y)),
    "accuracy": (accuracy, (PARAMETERS, X, Y)),
    "vmap": (jax.vmap(lambda a, b: a @ b.T), (IMAGES, IMAGES)),
    "nested": (nested, (X,)),
    "checkpoint": (jax.grad(jax.checkpoint(lambda x: jnp.sum(jnp.sin(jnp.sin(x))))), (X,)),
    "elementwise": (elementwise, (X,)),
    "chlo": (functions_of_chlo, (X,)),
    "control flow": (control_flow, (X, np.int32(1))),
    "movement": (movement, (X, np.int32(1))),
    "unsigned": (integers, (UNSIGNED[0], UNSIGNED[1])),
    "signed": (integers, (SIGNED[0], SIGNED[1])),
    "reductions": (reductions, (X,)),
    "convolution": (convolution, (PICTURES, FILTERS)),
    "convolution without window": (lambda x, w: lax.conv_general_dilated(x, w, (), ()), (X, W0.T)),
    "dilated convolution": (lambda x, w: convolution(x, w, **DILATED), (PICTURES, FILTERS)),
    "convolution gradients": (gradients(**DILATED), (PICTURES, FILTERS)),
    "grouped convolution": (gradients(feature_group_count=2), (PICTURES, FILTERS[:, :, :2])),
    "batch groups": (gradients(batch_group_count=2), (PICTURES, FILTERS)),
    "volumes": (lambda x, w: lax.conv(x, w, (1, 2, 1), "VALID"), (VOLUMES, VOLUMES)),
    "pooling": (pooling, (PICTURES,)),
    "pooling gradients": (jax.grad(pooled_loss), (PICTURES,)),
    "second derivative of pooling": (jax.grad(lambda x: jnp.sum(jax.grad(pooled_loss)(x) ** 2)), (PICTURES,)),
    "prefixes": (prefixes, (X,)),
    "ordering": (ordering, (X, Y)),
    "scatter": (scatter, (X, Y)),
    "random bits": (random_bits, (np.arange(4, dtype=np.uint32),)),
    "custom calls": (lambda x: jnp.linalg.cholesky(x @ x.T), (X,)),
    "no arguments": (lambda: jnp.arange(4.0), ()),
    **{
        np.dtype(dtype).name: (through(dtype), (X, W0))
        for dtype in (
            jnp.bfloat16, jnp.float16, jnp.float8_e4m3fn, jnp.float8_e5m2, jnp.float8_e4m3fnuz, jnp.float8_e5m2fnuz,
            jnp.float8_e4m3b11fnuz, jnp.float8_e3m4, jnp.float8_e4m3,
        )
    },
}  # fmt: skip

# Beyond the interpreter of jaxlib: it does not know chlo, nor these operations, nor calls of libraries.
NOT_INTERPRETED = {"chlo", "random bits", "custom calls"}


def lower(name: str, debug: bool) -> str:
    function, arguments = PROGRAMS[name]
    donated = (0,) if name == "adam" else ()
    return jax.jit(function, donate_argnums=donated).lower(*arguments).as_text(debug_info=debug)


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "locations"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_round_trip(name: str, debug: bool) -> None:
    text = lower(name, debug)
    flags = ["-mlir-print-debuginfo"] if debug else []
    pretty = opt(text, *flags)
    generic = opt(text, "-mlir-print-op-generic", *flags)
    want = canonical(text, debug)
    assert canonical(pretty, debug) == want
    assert canonical(generic, debug) == want
    # The form that we print is the form that JAX prints, letter for letter.
    if not debug:
        assert pretty.strip() == text.strip()
    # Generic text, as jaxlib writes it, is read as well.
    assert canonical(opt(want, *flags), debug) == want


#: What JAX does not print.
OTHERS = {
    "map": """func.func @main(%a: tensor<4xf32>, %b: tensor<4xi32>) -> tensor<4xf32> {
  %0 = "stablehlo.map"(%a, %b) <{dimensions = array<i64: 0>}> ({
  ^bb0(%x: tensor<f32>, %y: tensor<i32>):
    %1 = stablehlo.convert %y : (tensor<i32>) -> tensor<f32>
    %2 = stablehlo.multiply %x, %1 : tensor<f32>
    stablehlo.return %2 : tensor<f32>
  }) : (tensor<4xf32>, tensor<4xi32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}""",
    "get_dimension_size": """func.func @main(%a: tensor<4x5xf32>) -> tensor<i32> {
  %0 = stablehlo.get_dimension_size %a, dim = 1 : (tensor<4x5xf32>) -> tensor<i32>
  return %0 : tensor<i32>
}""",
    "scatter of two": """func.func @main(%a: tensor<6xf32>, %b: tensor<6xi32>, %i: tensor<2xi64>) -> tensor<6xf32> {
  %u = stablehlo.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %v = stablehlo.constant dense<[1, 2]> : tensor<2xi32>
  %0:2 = "stablehlo.scatter"(%a, %b, %i, %u, %v) <{scatter_dimension_numbers = #stablehlo.scatter<
    inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%x: tensor<f32>, %y: tensor<i32>, %z: tensor<f32>, %w: tensor<i32>):
    stablehlo.return %z, %y : tensor<f32>, tensor<i32>
  }) : (tensor<6xf32>, tensor<6xi32>, tensor<2xi64>, tensor<2xf32>, tensor<2xi32>) -> (tensor<6xf32>, tensor<6xi32>)
  return %0#0 : tensor<6xf32>
}""",
}


@pytest.mark.parametrize("name", OTHERS)
def test_round_trip_of_others(name: str) -> None:
    text = OTHERS[name]
    assert canonical(opt(text), False) == canonical(text, False)
    assert canonical(opt(text, "-mlir-print-op-generic"), False) == canonical(text, False)


@pytest.mark.parametrize("name", [n for n in PROGRAMS if n not in NOT_INTERPRETED])
def test_normalise_keeps_every_bit(name: str) -> None:
    text = lower(name, debug=False)
    normal = opt(text, "-normalise")
    assert "call @" not in normal and "optimization_barrier" not in normal
    arguments = [np.asarray(a) for a in jax.tree.leaves(PROGRAMS[name][1])]
    before, after = evaluate(text, arguments), evaluate(normal, arguments)
    assert before == after


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @f(%a: tensor<4xf32>) { %0 = stablehlo.frobnicate %a : tensor<4xf32> return }", "frobnicate"),
        ("func.func @f(%a: tensor<?xf32>) { %0 = stablehlo.abs %a : tensor<?xf32> return }", "static shape"),
        ("func.func @f(%a: tensor<4xf32>) { %0 = stablehlo.add %a : tensor<4xf32> return }", "expected ','"),
        ("module {", "expected"),
    ],
)
def test_bad_input(text: str, message: str) -> None:
    done = subprocess.run([str(OPT), "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error:" in done.stderr and message in done.stderr


UNARY = (
    "abs negate sign exponential log sqrt rsqrt cbrt tanh logistic sine cosine tan floor ceil round_nearest_even "
    "round_nearest_afz exponential_minus_one log_plus_one not popcnt count_leading_zeros is_finite"
)
BINARY = (
    "add subtract multiply divide maximum minimum power atan2 remainder and or xor shift_left shift_right_arithmetic "
    "shift_right_logical"
)
CHLO = "erf erfc sinh cosh asin acos atan asinh acosh atanh tan square erf_inv lgamma digamma"


def test_element_types_are_those_of_jaxlib() -> None:
    """Every elementwise operation takes the element types that jaxlib's verifier takes, and no other."""
    modules = []
    for element in ("f32", "f8E4M3FN", "f80", "tf32", "i1", "i3", "i32", "i128", "ui32", "complex<f32>", "index"):
        type_ = f"tensor<4x{element}>"
        operations = [f"stablehlo.{name} %a : {type_}" for name in UNARY.split() if name != "is_finite"]
        operations += [f"stablehlo.is_finite %a : ({type_}) -> tensor<4xi1>"]
        operations += [f"stablehlo.{name} %a, %a : {type_}" for name in BINARY.split()]
        operations += [f"chlo.{name} %a : {type_} -> {type_}" for name in CHLO.split()]
        modules += [f"func.func @f(%a: {type_}) {{\n%0 = {operation}\nreturn\n}}\n" for operation in operations]
    done = subprocess.run(
        [str(OPT), "-", "-split-input-file"], input="// -----\n".join(modules), capture_output=True, text=True, check=False
    )
    refused = {(int(line) - 1) // 5 for line in re.findall(r"^\S+:(\d+):\d+: error", done.stderr, re.MULTILINE)}
    for number, module in enumerate(modules):
        try:
            canonical(module, debug=False)
            is_fine = True
        except ir.MLIRError:
            is_fine = False
        assert is_fine == (number not in refused), module
