# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs of sizes that schedules are likeliest to get wrong: nothing, one, primes, more blocks than a grid's y has.

A library is a family of functions, each compiled by itself, so that what fails has a name; in the last one all are one
function, whose launches are merged.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gpu import numbers

Shape = tuple[int, ...]
Function = Callable[..., Any]

FLOATS = ("float32", "bfloat16", "float16", "float64")
INTEGERS = ("int32", "uint8", "int8", "int64")
#: Of a matrix, mostly: (rows, columns).
SHAPES: tuple[Shape, ...] = (
    (0, 3), (3, 0), (1, 1), (1, 7), (7, 1), (2, 3), (13, 127), (127, 257), (1021, 2), (3, 1021), (2, 4099), (4099, 1),
)  # fmt: skip
FEW: tuple[Shape, ...] = ((0, 2), (2, 0), (1, 1), (3, 7), (13, 257))
#: Grids have at most 65535 blocks in y and z.
LARGE: tuple[Shape, ...] = ((70000, 3), (3, 70000))


@dataclasses.dataclass(frozen=True)
class Edge:
    """A function and its arguments."""

    function: Function
    arguments: tuple[Any, ...]


#: Functions by library and name.
LIBRARIES: dict[str, dict[str, Edge]] = {}
#: Libraries that are compiled with schemes instead (``gpu.prepare.SCHEMES``).
SCHEMES = {"recipes": ("scaled", "delayed")}


def draw(shape: Shape, dtype: Any = "float32", seed: int = 0) -> Any:
    """Multiples of 1/8 below 4: sums of them are exact, so that one that is lost shows; they take little space."""
    dtype = jnp.dtype(dtype)
    words = numbers.words(int(np.prod(shape, dtype=np.int64)), zlib.crc32(f"{shape} {seed}".encode())).reshape(shape)
    if dtype.kind == "b":
        return words % 2 == 0
    if dtype.kind in "iu":
        return (words % 11).astype(dtype) - dtype.type(0 if dtype.kind == "u" else 5)
    return ((words % 64).astype(np.float32) / 8 - 4).astype(dtype)


def add(library: str, function: Function, *arguments: Any) -> None:
    functions = LIBRARIES.setdefault(library, {})
    sizes = "_".join("x".join(map(str, np.shape(a))) or "scalar" for a in jax.tree.leaves(arguments)[:2])
    name = f"f{len(functions)}_{sizes}"
    functions[name] = Edge(function, jax.tree.map(np.asarray, arguments))


def each(library: str, function: Function, shapes: Sequence[Shape], dtypes: Sequence[str] = ("float32",)) -> None:
    """A function of one array, of each shape and type; a library a type."""
    for dtype in dtypes:
        for shape in shapes:
            add(f"{library}, {dtype}", function, draw(shape, dtype))


# --- Elementwise, with what is broadcast ----------------------------------------------------------------------------------


def spread(x: Any, row: Any, column: Any) -> Any:
    """What lies along memory, across it and nowhere."""
    return jnp.tanh(x) * row + jnp.where(x > column, x, column), jnp.exp(-jnp.abs(x)) - 1


def of_integers(x: Any, row: Any, column: Any) -> Any:
    return (x * row + column) ^ (x >> 1), x // 3 + x % 5, lax.population_count(x), jnp.minimum(x, column) > row


def of_booleans(x: Any, row: Any, column: Any) -> Any:
    return x & row | ~column, jnp.where(x, 3, -2).astype("int8")


for dtype in (*FLOATS, *INTEGERS, "bool"):
    kind = jnp.dtype(dtype).kind
    function = of_booleans if kind == "b" else of_integers if kind in "iu" else spread
    for shape in SHAPES + LARGE * (dtype in ("float32", "int8")):
        add(f"elementwise, {dtype}", function, *(draw(s, dtype) for s in (shape, shape[1:], (shape[0], 1))))
    for shape in ((), (1,), (4099,)):
        add(f"elementwise, {dtype}", function, *(draw(s, dtype, seed) for seed, s in enumerate((shape, shape[1:], ()))))

# Dimensions that can't be merged, and more of them than a grid has.
for alternating in (
    (2, 1, 3, 1, 2, 1, 7),
    (1, 3, 1, 2, 1, 5, 1),
    (1,) * 9,
    (2,) * 9,
    (0,) + (2,) * 6,
    (3, 2, 0, 2, 3, 1, 2),
):
    other = tuple(1 if size != 1 else 3 for size in alternating) if max(alternating) > 2 else alternating
    add("elementwise, rank", lambda x, y: x * y + y, draw(alternating), draw(other, seed=1))
    add("elementwise, rank", lambda x: jnp.transpose(x, range(x.ndim)[::-1]) + 1, draw(alternating))
    add(
        "elementwise, rank",
        lambda x: (x.sum(range(0, x.ndim, 2)), x.max(range(1, x.ndim, 2), initial=-9)),
        draw(alternating),
    )
add("elementwise, rank", lambda x, y: x + y, draw((70000, 1, 3)), draw((1, 2, 3)))
add("elementwise, rank", lambda x, y: x + y, draw((3, 1, 70000)), draw((1, 2, 1)))

# --- Rows ---------------------------------------------------------------------------------------------------------------


def rows(x: Any) -> Any:
    return x.sum(-1), x.max(-1, initial=-9), x / (1 + jnp.abs(x).sum(-1, keepdims=True))


def extremes(x: Any) -> Any:
    return jnp.argmax(x, -1), jnp.argmin(x, -1), x.min(-1), jnp.any(x > 3, -1), jnp.all(x < 3, -1)


def integer_rows(x: Any) -> Any:
    return x.sum(-1), x.prod(-1, dtype=x.dtype), x.max(-1, initial=0), x.astype("int32").sum(-1) + x.shape[0]


def normalised(x: Any, gain: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred * lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + 0.125) * gain + gain


def gradients(x: Any, gain: Any) -> Any:
    """Of a softmax and a layer norm."""
    return jax.grad(lambda x, gain: (jnp.sin(jax.nn.softmax(x)) + jnp.sin(normalised(x, gain))).sum(), (0, 1))(x, gain)


for dtype in FLOATS:
    for shape in SHAPES + LARGE[:1] * (dtype == "float32"):
        add(f"rows, {dtype}", rows, draw(shape, dtype))
        add(f"softmax, {dtype}", lambda x: (jax.nn.softmax(x), jax.nn.logsumexp(x, -1)), draw(shape, dtype))
        if shape[1]:
            add(f"norm, {dtype}", normalised, draw(shape, dtype), draw(shape[1:], dtype))
each("rows, extremes", extremes, [shape for shape in SHAPES + LARGE if shape[1]])
each("rows", integer_rows, SHAPES, INTEGERS)
for shape in FEW + LARGE[:1]:
    if shape[1]:
        add("norm, gradients", gradients, draw(shape), draw(shape[1:]))
each(
    "rows of three dimensions", rows, [(2, 0, 3), (0, 2, 3), (2, 3, 0), (1, 1, 1), (3, 7, 13), (70000, 1, 3), (2, 70000, 2)]
)

# --- Columns, and whole tensors -------------------------------------------------------------------------------------------


def columns(x: Any) -> Any:
    return x.sum(0), x.max(0, initial=-9), x / (1 + jnp.abs(x).sum(0, keepdims=True))


def middle(x: Any) -> Any:
    return x.sum(1), x.min(1, initial=9), (x * 2).sum((0, 2)), x - x.mean(1, keepdims=True) if x.shape[1] else x


def whole(x: Any) -> Any:
    return x.sum(), jnp.abs(x).max(initial=0), jnp.square(x).mean() if x.size else x.sum(), x * x.max(initial=1)


for dtype in FLOATS:
    each("columns", columns, SHAPES + LARGE * (dtype == "float32"), [dtype])
    each("whole", whole, SHAPES[: None if dtype == "float32" else 9], [dtype])
each("columns", columns, FEW, ("int32", "int8"))
three = ((0, 2, 3), (2, 0, 3), (2, 3, 0), (1, 1, 1), (3, 7, 13), (13, 127, 3), (7, 3, 257), (70000, 3, 2), (2, 3, 70000))
each("columns between", middle, three)
each("columns between", middle, three[:6], ["bfloat16"])

# --- Transposes -----------------------------------------------------------------------------------------------------------


def transposes(x: Any) -> Any:
    """Alone, with what lies the other way, and in another type in both layouts."""
    return x.T, x.T * 2 + jnp.reshape(x, x.shape[::-1]), x * 3, x.T.astype("bfloat16")


def permutations(x: Any) -> Any:
    return [jnp.transpose(x, order) + 1 for order in ((0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1))]


each("transposes", transposes, SHAPES + LARGE)
each("transposes", transposes, SHAPES[:10], FLOATS[1:])
each("transposes", lambda x: (x.T, x.T + 1), SHAPES[:10], ("int32", "uint8", "bool"))
each("permutations", permutations, three[:-1])
each("permutations", permutations, three[:7], ("bfloat16", "int8"))

# --- Eight bits -----------------------------------------------------------------------------------------------------------

EIGHT_BITS = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e3m4")


def casts(x: Any) -> Any:
    """Both layouts, and back; times what keeps it exact."""
    return [y for kind in EIGHT_BITS for y in ((x * 0.375).astype(kind), x.T.astype(kind), x.astype(kind).astype(x.dtype))]


each("casts", casts, SHAPES[:10], ("float32", "bfloat16", "float16"))
for kind in EIGHT_BITS[:2]:
    each(
        "casts from", lambda x: (x.astype("float32") * 2, x.T.astype("bfloat16"), x.astype("float16").sum(-1)), FEW, [kind]
    )

# --- Contractions ---------------------------------------------------------------------------------------------------------

SIZES = (
    (0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 1, 1), (1, 7, 1), (7, 1, 13), (1, 4099, 1), (4099, 1, 3), (2, 3, 4099),
    (13, 127, 257), (257, 13, 1021), (16, 16, 16), (17, 16, 31),
)  # fmt: skip
BATCHED = ((0, 2, 3, 2), (2, 0, 3, 2), (2, 3, 0, 5), (1, 1, 1, 1), (3, 7, 13, 5), (127, 2, 3, 7), (70000, 3, 2, 1))


def products(x: Any, y: Any) -> Any:
    return x @ y


def layer(x: Any, w: Any, b: Any) -> Any:
    """With an epilogue, and the layouts of its gradient."""
    return jax.nn.relu(x @ w + b), (x @ w).T, x.T @ jnp.maximum(x @ w, 0)


for dtype in (*FLOATS, "int32"):
    for m, k, n in SIZES:
        add(f"contractions, {dtype}", products, draw((m, k), dtype), draw((k, n), dtype, 1))
    for b, m, k, n in BATCHED:
        if b < 1000 or dtype == "float32":
            add(f"contractions, batched, {dtype}", products, draw((b, m, k), dtype), draw((b, k, n), dtype, 1))
for dtype in ("float32", "bfloat16"):
    for m, k, n in SIZES:
        add(f"layers, {dtype}", layer, draw((m, k), dtype), draw((k, n), dtype, 1), draw((n,), dtype))
for m, k, n in SIZES:
    f8 = draw((m, k), "float8_e4m3fn"), draw((k, n), "float8_e5m2", 1)
    add("contractions, 8 bits", lambda x, y: jnp.matmul(x, y, preferred_element_type="float32"), *f8)
    add("contractions, 8 bits", lambda x, y: jnp.matmul(x, y, preferred_element_type="bfloat16") * 2, *f8)
    i8 = draw((m, k), "int8"), draw((k, n), "int8", 1)
    add("contractions, 8 bits", lambda x, y: jnp.matmul(x, y, preferred_element_type="int32"), *i8)
EQUATIONS: tuple[tuple[str, Shape, Shape], ...] = (
    ("i,i->", (1021,), (1021,)), ("i,i->", (0,), (0,)), ("i,j->ij", (127,), (13,)), ("ij,j->i", (257, 3), (3,)),
    ("bij,bkj->bik", (3, 7, 5), (3, 2, 5)), ("ij,kj->ki", (13, 3), (7, 3)), ("ijk,jkl->il", (3, 5, 7), (5, 7, 2)),
    ("bhqd,bhkd->bhqk", (2, 3, 7, 5), (2, 3, 13, 5)), ("bqhd,bkhd->bhqk", (2, 7, 3, 5), (2, 1, 3, 5)),
    ("abc,acd->abd", (2, 3, 0), (2, 0, 5)),
)  # fmt: skip
for equation, *shapes in EQUATIONS:
    add("contractions, layouts", lambda x, y, e=equation: jnp.einsum(e, x, y), *map(draw, shapes))


def perceptron(w: Any, x: Any) -> Any:
    """Each contraction's operands in 8 bits, in both layouts."""

    def loss(w: Any) -> Any:
        return jnp.square(jnp.tanh(x @ w[0]) @ w[1]).sum()

    return jax.value_and_grad(loss)(w)


for m, k, n in (
    (1, 1, 1),
    (2, 3, 7),
    (13, 127, 257),
    (257, 1021, 3),
    (127, 16, 31),
    (1, 4099, 2),
    (0, 3, 2),
    (1021, 2, 13),
):
    add("recipes", perceptron, [draw((k, n)) / 8, draw((n, 7)) / 8], draw((m, k)))

# --- What is moved --------------------------------------------------------------------------------------------------------


def takes(x: Any, i: Any) -> Any:
    """Of lines, of columns, of elements; indices beyond the end are clipped, or give a number of their own."""
    modes = [jnp.take(x, i, axis=axis, mode=mode, fill_value=7) for axis in (0, 1) for mode in ("clip", "fill")]
    return [*modes, x[i % x.shape[0], i % x.shape[1]]]


for shape, count in (
    ((1, 1), 1),
    ((3, 2), 0),
    ((2, 3), 7),
    ((127, 13), 257),
    ((1021, 3), 1021),
    ((3, 1021), 2),
    ((7, 1), 4099),
):
    for dtype in ("float32", "bfloat16", "int8"):
        index = draw((count,), "int32")
        add(f"gathers, {dtype}", takes, draw(shape, dtype), index)
add("gathers, float32", lambda x, i: x[i], draw((70000, 3)), np.arange(70000, dtype="i4")[::-1] * 3 % 70001)
add("gathers, float32", lambda x, i: x[:, i], draw((3, 70000)), np.arange(70000, dtype="i4")[::-1] * 3 % 70001)
add("gathers, float32", lambda x, i: jnp.take(x, i, axis=1), draw((0, 3)), draw((5,), "int32"))
add("gathers, float32", lambda x, i: jnp.take_along_axis(x, i, -1), draw((7, 13)), draw((7, 3), "int32") % 13)


def scatters(x: Any, i: Any, u: Any) -> Any:
    """What is beyond the end is dropped; several updates of an element are all taken."""
    return x.at[i].add(u), x.at[i].max(u), x.at[i].min(u), x.at[:, 0].add(1)


for rank, count, width in ((1, 1, 1), (3, 0, 2), (2, 7, 3), (13, 257, 127), (1021, 13, 3), (3, 1021, 7), (257, 1021, 1)):
    for dtype in ("float32", "bfloat16", "float64", "int32"):
        add(
            f"scatters, {dtype}",
            scatters,
            draw((rank, width), dtype),
            draw((count,), "int32"),
            draw((count, width), dtype, 1),
        )
add(
    "scatters, float32",
    lambda x, i, u: x.at[i].add(u),
    draw((70000, 3)),
    np.arange(70000, dtype="i4") % 69999,
    draw((70000, 3)),
)
add("scatters, float32", lambda x, i, u: x.at[i].set(u), draw((70000,)), np.arange(70000, dtype="i4")[::-1], draw((70000,)))
add("scatters, float32", lambda x, i, u: x.at[:, i].add(u), draw((3, 257)), draw((1021,), "int32"), draw((3, 1021)))
add("scatters, float32", lambda x, i: jax.ops.segment_sum(x, i, 13), draw((4099, 2)), draw((4099,), "int32"))


def pieces(x: Any) -> Any:
    rank = x.ndim
    return (
        lax.pad(x, x.dtype.type(2), [(1, 2, 1)] + [(3, 0, 0)] * (rank - 1)),
        lax.pad(x, x.dtype.type(2), [(0, 0, 0)] * (rank - 1) + [(-1 if x.shape[-1] else 0, 2, 0)]),
        jnp.concatenate([x, x[:0], x * 2], 0), jnp.concatenate([x, x[..., :1], x[..., :0]], -1),
        x[::-1, ::2], x[1::3] + 1, jnp.roll(x, 1, -1), lax.broadcasted_iota(x.dtype, x.shape, rank - 1) + x,
        jnp.reshape(x, -1) * 2, jnp.tile(x, (2, 1)),
    )  # fmt: skip


def slices(x: Any, i: Any, j: Any) -> Any:
    """Begin where the slice still fits."""
    sizes = tuple((size + 1) // 2 for size in x.shape)
    return lax.dynamic_slice(x, (i, j), sizes), lax.dynamic_update_slice(x, lax.slice(x, (0, 0), sizes) * 2, (j, i))


each("pieces", pieces, SHAPES[:10], ("float32", "int8"))
for shape in SHAPES[:10]:
    for dtype in ("float32", "bfloat16", "int8"):
        for at in ((0, 2), (-3, 9000)):
            add(f"slices, {dtype}", slices, draw(shape, dtype), *map(np.int32, at))

# --- Order ----------------------------------------------------------------------------------------------------------------


def sorts(x: Any) -> Any:
    return jnp.sort(x), jnp.sort(x, 0), jnp.argsort(x), jnp.argsort(x, 0, descending=True)


def pairs(x: Any) -> Any:
    """By two keys, with what goes along."""
    return lax.sort((x, x[::-1], lax.broadcasted_iota("int32", x.shape, 1)), num_keys=2)


def tops(x: Any) -> Any:
    return [lax.top_k(x, k) for k in sorted({0, min(1, x.shape[-1]), min(3, x.shape[-1]), min(x.shape[-1], 257)})]


ORDERED = ((0, 3), (3, 0), (1, 1), (7, 1), (2, 3), (7, 13), (13, 127), (3, 257), (2, 1021), (1, 4099))
each("sorts", sorts, ORDERED, ("float32", "bfloat16", "int32"))
each("sorts by two", pairs, ORDERED[:8])
each("tops", tops, ORDERED, ("float32", "bfloat16"))
each("tops", tops, [(1021, 7)])


def prefixes(x: Any) -> Any:
    return jnp.cumsum(x, -1), lax.cummax(x, 0), lax.cumsum(x, 0, reverse=True), lax.cummin(x, 1, reverse=True)


each("prefixes", prefixes, ORDERED + ((1021, 3),), ("float32", "bfloat16", "int32"))
each("prefixes", lambda x: (jnp.cumsum(x), jnp.cumprod(x / 4)), [(0,), (1,), (2,), (13,), (127,), (4099,)])

# --- Windows --------------------------------------------------------------------------------------------------------------


def windows(x: Any) -> Any:
    zero, least = x.dtype.type(0), x.dtype.type(-9)
    return (
        lax.reduce_window(x, zero, lax.add, (1, 3, 2, 1), (1, 2, 1, 1), "SAME"),
        lax.reduce_window(x, least, lax.max, (1, 2, 3, 1), (1, 1, 2, 1), "SAME"),
        lax.reduce_window(x, zero, lax.add, (1, 2, 2, 1), (1, 1, 1, 1), "VALID", (1, 1, 1, 1), (1, 2, 3, 1)),
        lax.reduce_window(x, zero, lax.add, (1, 3, 3, 1), (1, 1, 1, 1), ((0, 0), (2, 1), (0, 4), (0, 0)), (1, 2, 1, 1)),
    )


def pooled(x: Any) -> Any:
    """The gradient of a maximum: select and scatter."""
    y = x + lax.broadcasted_iota(x.dtype, x.shape, 1) / 64 + lax.broadcasted_iota(x.dtype, x.shape, 2) / 1024
    return jax.grad(lambda y: jnp.sin(lax.reduce_window(y, -jnp.inf, lax.max, (1, 3, 2, 1), (1, 2, 2, 1), "SAME")).sum())(y)


IMAGES = ((0, 5, 5, 2), (2, 0, 5, 1), (1, 1, 1, 1), (1, 7, 13, 3), (3, 2, 127, 1), (2, 13, 7, 5), (1, 257, 3, 2))
each("windows", windows, IMAGES, ("float32", "bfloat16", "int32"))
each("windows, gradient", pooled, IMAGES[2:])


def convolutions(x: Any, w: Any) -> Any:
    """Plain, with strides and holes, of its own gradient's kind."""

    def convolve(x: Any, w: Any, strides: Shape = (1, 1), padding: Any = "SAME", **options: Any) -> Any:
        return lax.conv_general_dilated(x, w, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), **options)

    depthwise = jnp.reshape(w[..., :1], (*w.shape[:2], 1, -1))
    return (
        convolve(x, w), convolve(x, w, (2, 3)), convolve(x, w, rhs_dilation=(2, 1), padding=((2, 2), (1, 3))),
        convolve(x, w, lhs_dilation=(2, 2), padding=((1, 2), (3, 1))), convolve(x, w, padding="VALID"),
        convolve(x, depthwise, feature_group_count=x.shape[-1]),
    )  # fmt: skip


def convolution_gradients(x: Any, w: Any) -> Any:
    return jax.grad(lambda x, w: jnp.sin(convolutions(x, w)[1] / 16).sum(), (0, 1))(x, w)


for image in IMAGES:
    for height, width, channels in ((1, 1, 1), (3, 2, 7)):
        kernel = (height, width, image[-1], channels)
        for dtype in ("float32", "bfloat16"):
            add(f"convolutions, {dtype}", convolutions, draw(image, dtype), draw(kernel, dtype))
        if 0 not in image:
            add("convolutions, gradients", convolution_gradients, draw(image), draw(kernel))

# --- Random bits ----------------------------------------------------------------------------------------------------------


def bits(key: Any, shape: Shape) -> Any:
    wrapped = jax.random.wrap_key_data(key)
    return (
        jax.random.bits(wrapped, shape, "uint32"), jax.random.bits(wrapped, shape, "uint8"),
        jax.random.uniform(wrapped, shape, "float32"), jax.random.randint(wrapped, shape, 0, 127, "int32"),
        jax.random.key_data(jax.random.split(wrapped, 3)),
    )  # fmt: skip


def generated(key: Any, shape: Shape) -> Any:
    return [lax.rng_bit_generator(key, shape, dtype) for dtype in (jnp.uint32, jnp.uint64, jnp.uint8)]


for shape in ((), (0,), (1,), (3,), (13, 127), (1021,), (4099, 2)):
    add("random bits", lambda key, shape=shape: bits(key, shape), np.array([7, 2**31 + 1], "u4"))
    add("random bits", lambda key, shape=shape: generated(key, shape), np.array([7, 1, 2**32 - 1, 2**32 - 1], "u4"))

# --- Loops ----------------------------------------------------------------------------------------------------------------


def loops(x: Any, n: Any) -> Any:
    """As many trips as an argument says, as the numbers themselves decide, and of a scan."""
    counted = lax.fori_loop(0, n, lambda i, c: c * 0.5 + x[::-1] * i, x)
    grown = lax.while_loop(lambda c: jnp.abs(c).sum() < 50 * n, lambda c: c * 1.5 + 1, x)
    last, each_one = lax.scan(lambda c, row: (c * 0.5 + row, c.sum()), jnp.zeros_like(x.sum(0)), x)
    nested = lax.fori_loop(0, n, lambda i, c: lax.fori_loop(i, 2, lambda j, c: c + j, c), x)
    return counted, grown, last, each_one, nested, lax.cond(n > 1, lambda x: x + 1, lambda x: x.T.sum() * x, x)


for shape in ((0, 3), (3, 0), (1, 1), (2, 3), (13, 7), (127, 257)):
    for trips in (0, 1, 3):
        if 0 not in shape or trips == 0:
            add("loops", loops, draw(shape), np.int32(trips))
        add(
            "loops over integers",
            lambda x, n: lax.fori_loop(0, n, lambda i, c: c * 3 + x, x),
            draw(shape, "int8"),
            np.int32(trips),
        )

# --- All in one function: launches that are merged ------------------------------------------------------------------------

MERGED: dict[str, tuple[Function, tuple[Shape, ...]]] = {
    "rows": (rows, SHAPES), "columns": (columns, SHAPES), "transposes": (transposes, SHAPES[:10]), "whole": (whole, SHAPES),
    "sorts": (sorts, ORDERED[:8]), "prefixes": (prefixes, ORDERED[:8]), "casts": (casts, SHAPES[:8]),
    "softmax": (jax.nn.softmax, SHAPES), "pieces": (pieces, SHAPES[:8]),
}  # fmt: skip
for function, shapes in MERGED.values():
    xs = tuple(draw(shape, seed=1) for shape in shapes)
    add("at once", lambda *xs, f=function: [f(x) for x in xs], *xs)
