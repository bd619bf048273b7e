# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Chains of elementwise operations and reductions that nobody chose: drawn from a seed, written in JAX and in PyTorch.

A chain is steps on arrays of one size in float32, between arguments and results in bfloat16 or float32. Both programs are
text of the same steps; what bounds values (``LARGEST``) and forbids cancellation keeps results comparable.
"""

from __future__ import annotations

import dataclasses
import json
import linecache
import math
import pathlib
import random
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

SEED, COUNT = 20261127, 20
LEAST_SIZE, GREATEST_SIZE = 1 << 22, 1 << 26  # elements
ROWS = (1000, 1024, 2048, 4096, 4099, 8191, 8192, 10000, 16384, 32768, 65536)
COLUMNS = (513, 768, 1000, 1024, 2048, 4096, 4097, 5120, 8192, 12289, 32000)
BATCHES, LINES, WIDTHS = (8, 12, 16, 31, 64, 128), (197, 256, 512, 1024, 2048), (64, 65, 80, 128, 511, 768, 1024, 4096)
# Magnitudes that a value may have before it goes on: e^x of what was rounded to bfloat16 is then off by 3 % at most.
LARGEST = 16.0
FLOAT32, BFLOAT16 = "float32", "bfloat16"
FILE = "chains.json"

# In JAX and in PyTorch: {0} and {1} are operands, {axes} the reduced dimensions.
OPERATIONS: dict[str, tuple[str, str]] = {
    "widen": ("{0}.astype(jnp.float32)", "{0}.float()"),
    "narrow": ("{0}.astype(jnp.bfloat16)", "{0}.bfloat16()"),
    "tanh": ("jnp.tanh({0})", "torch.tanh({0})"),
    "logistic": ("jax.nn.sigmoid({0})", "torch.sigmoid({0})"),
    "sine": ("jnp.sin({0})", "torch.sin({0})"),
    "ReLU": ("jnp.maximum({0}, 0)", "torch.relu({0})"),
    "leaky ReLU": ("jnp.where({0} > 0, {0}, 0.01 * {0})", "torch.where({0} > 0, {0}, 0.01 * {0})"),
    "GELU": ("jax.nn.gelu({0}, approximate=True)", 'torch.nn.functional.gelu({0}, approximate="tanh")'),
    "SiLU": ("{0} * jax.nn.sigmoid({0})", "{0} * torch.sigmoid({0})"),
    "e^-|x|": ("jnp.exp(-jnp.abs({0}))", "torch.exp(-torch.abs({0}))"),
    "log(1 + |x|)": ("jnp.log1p(jnp.abs({0}))", "torch.log1p(torch.abs({0}))"),
    "√(|x| + 1)": ("jnp.sqrt(jnp.abs({0}) + 1)", "torch.sqrt(torch.abs({0}) + 1)"),
    "-x / 2": ("{0} * -0.5", "{0} * -0.5"),
    "square": ("{0} * {0}", "{0} * {0}"),
    "add": ("{0} + {1}", "{0} + {1}"),
    "subtract": ("{0} - {1}", "{0} - {1}"),
    "multiply": ("{0} * {1}", "{0} * {1}"),
    "maximum": ("jnp.maximum({0}, {1})", "torch.maximum({0}, {1})"),
    "ratio": ("{0} / (1 + jnp.abs({1}))", "{0} / (1 + torch.abs({1}))"),
    "quotient": ("{0} / {1}", "{0} / {1}"),
    "exponential": ("jnp.exp({0})", "torch.exp({0})"),
    "inverse root": ("jax.lax.rsqrt({0} + 1e-5)", "torch.rsqrt({0} + 1e-5)"),
    "logarithm": ("jnp.log({0})", "torch.log({0})"),
    "column": ("{0}[:, None]", "{0}[:, None]"),
    "transpose": ("jnp.swapaxes({0}, -1, -2)", "{0}.transpose(-1, -2)"),
    "sum, kept": ("{0}.sum({axes}, keepdims=True)", "{0}.sum({axes}, keepdim=True)"),
    "mean, kept": ("{0}.mean({axes}, keepdims=True)", "{0}.mean({axes}, keepdim=True)"),
    "maximum, kept": ("{0}.max({axes}, keepdims=True)", "{0}.amax({axes}, keepdim=True)"),
    "sum": ("{0}.sum({axes})", "{0}.sum({axes})"),
    "mean": ("{0}.mean({axes})", "{0}.mean({axes})"),
    "largest": ("{0}.max({axes})", "{0}.amax({axes})"),
    "result": ("{0}", "{0}.contiguous()"),
}
# How the bound of a value follows from its operand's; None: it stays.
UNARY: dict[str, Callable[[float], float]] = {
    "tanh": lambda bound: min(bound, 1.0),
    "logistic": lambda _: 1.0,
    "sine": lambda bound: min(bound, 1.0),
    "ReLU": lambda bound: bound,
    "leaky ReLU": lambda bound: bound,
    "GELU": lambda bound: bound,
    "SiLU": lambda bound: bound,
    "e^-|x|": lambda _: 1.0,
    "log(1 + |x|)": lambda bound: math.log1p(bound),
    "√(|x| + 1)": lambda bound: math.sqrt(bound + 1),
    "-x / 2": lambda bound: bound / 2,
    "square": lambda bound: bound * bound,
}
BINARY: dict[str, Callable[[float, float], float]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a + b,
    "multiply": lambda a, b: a * b,
    "maximum": lambda a, b: max(a, b),
    "ratio": lambda a, _: a,
}
# Of a standard normal, in effect.
NORMAL = 4.0


@dataclasses.dataclass(frozen=True)
class Argument:
    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclasses.dataclass(frozen=True)
class Step:
    """``result = operation(*operands)``."""

    operation: str
    operands: tuple[str, ...]
    result: str
    axes: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Output:
    """A result: what its errors are measured by is its norm, at least that of ``unit`` in each element.

    A sum of many numbers of either sign has no other size than that of its rounding where they cancel.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    unit: float


@dataclasses.dataclass(frozen=True)
class Chain:
    """One program.

    Attributes
    ----------
    name : str
    words : str
        What it does, in a few words.
    arguments, steps, outputs : tuples
    tolerance : float
        The largest error of a result beside another compiler's, in norm.
    """

    name: str
    words: str
    arguments: tuple[Argument, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...]
    tolerance: float

    @property
    def bytes(self) -> int:
        """Each argument read once and each result written once."""
        arrays = [(a.shape, a.dtype) for a in self.arguments] + [(o.shape, o.dtype) for o in self.outputs]
        return sum(math.prod(shape) * (2 if dtype == BFLOAT16 else 4) for shape, dtype in arrays)

    def text(self, is_torch: bool) -> str:
        """The program: a function ``chain`` of the arguments, which gives a tuple."""
        lines = [f"def chain({', '.join(argument.name for argument in self.arguments)}):"]
        for step in self.steps:
            value = OPERATIONS[step.operation][is_torch].format(*step.operands, axes=step.axes)
            lines.append(f"    {step.result} = {value}")
        lines.append(f"    return ({''.join(f'{output.name}, ' for output in self.outputs)})")
        return "\n".join(lines) + "\n"

    def in_jax(self) -> Callable[..., Any]:
        return _defined(self.text(False), self.name, jax=jax, jnp=jnp)

    def in_torch(self, torch: Any) -> Callable[..., Any]:
        return _defined(self.text(True), self.name, torch=torch)


def _defined(text: str, name: str, **modules: Any) -> Callable[..., Any]:
    namespace, file = dict(modules), f"<{name}, {', '.join(modules)}>"
    exec(compile(text, file, "exec"), namespace)
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)  # for messages that show lines
    function: Callable[..., Any] = namespace["chain"]
    return function


@dataclasses.dataclass(frozen=True)
class _Value:
    """An array in float32 while a chain is drawn: its magnitudes are ``bound`` at most, or nearly all are."""

    name: str
    shape: tuple[int, ...]
    bound: float


class _Drawing:
    """A chain while it is drawn: ``current`` is what the next step goes on from."""

    def __init__(self, random: random.Random, shape: tuple[int, ...]) -> None:
        self._random = random
        self.arguments: list[Argument] = []
        self.steps: list[Step] = []
        self.outputs: list[Output] = []
        self.words: list[str] = []
        self.is_rounded = False
        self._count = 0
        self.current = self._argument(shape)

    def _add(self, operation: str, *operands: str, axes: tuple[int, ...] = ()) -> str:
        name = f"v{self._count}"
        self._count += 1
        self.steps.append(Step(operation, operands, name, axes))
        return name

    def _argument(self, shape: tuple[int, ...]) -> _Value:
        dtype = self._random.choice((BFLOAT16, BFLOAT16, FLOAT32))
        name = "abcdefghijklm"[len(self.arguments)]
        self.arguments.append(Argument(name, shape, dtype))
        return _Value(self._add("widen", name) if dtype == BFLOAT16 else name, shape, NORMAL)

    def unary(self) -> None:
        x = self.current
        names = [name for name, bound in UNARY.items() if bound(x.bound) <= LARGEST]
        name = self._random.choice(names)
        self.current = _Value(self._add(name, x.name), x.shape, UNARY[name](x.bound))
        self.words.append(name)

    def _binary(self, other: _Value, words: str, allowed: tuple[str, ...] = tuple(BINARY)) -> None:
        x = self.current
        names = [name for name in allowed if BINARY[name](x.bound, other.bound) <= LARGEST] or ["ratio"]
        name = self._random.choice(names)
        self.current = _Value(self._add(name, x.name, other.name), x.shape, BINARY[name](x.bound, other.bound))
        self.words.append(f"{name} {words}")

    def whole(self) -> None:
        """With another array of the same shape."""
        if sum(len(argument.shape) > 1 for argument in self.arguments) < 3:
            self._binary(self._argument(self.current.shape), "array")
        else:
            self.unary()

    def vector(self) -> None:
        """With a number for each column, or for each row."""
        if self._random.random() < 0.6:
            self._binary(self._argument(self.current.shape[-1:]), "by column")
        else:
            vector = self._argument(self.current.shape[-2:-1])
            self._binary(_Value(self._add("column", vector.name), (), vector.bound), "by row")

    def _axes(self) -> tuple[tuple[int, ...], str]:
        """What is reduced; the last dimension alone, the one before, or all but the last."""
        choices: list[tuple[tuple[int, ...], str]] = [((-1,), "of rows"), ((-2,), "of columns")]
        if len(self.current.shape) > 2:
            choices.append(((0, 1), "over the batch"))
        return self._random.choice(choices)

    def reduced(self) -> None:
        """With the means or maxima of its own rows or columns."""
        x, (axes, words) = self.current, self._axes()
        operation = self._random.choice(("mean", "maximum"))
        of = _Value(self._add(f"{operation}, kept", x.name, axes=axes), (), x.bound)
        self._binary(of, f"{operation} {words}", ("add", "subtract", "ratio"))

    def softmax(self) -> None:
        x, axis = self.current, self._random.choice((-1, -1, -2))
        largest = self._add("maximum, kept", x.name, axes=(axis,))
        powers = self._add("exponential", self._add("subtract", x.name, largest))
        total = self._add("sum, kept", powers, axes=(axis,))
        kind = "softmax"
        if self._random.random() < 0.5:
            self.current = _Value(self._add("quotient", powers, total), x.shape, 1.0)
        else:  # its logarithm, and x again
            self.current = _Value(self._add("ratio", x.name, self._add("logarithm", total)), x.shape, x.bound)
            kind = "x / (1 + log Σ eˣ)"
        self.words.append(kind + (" of columns" if axis == -2 else ""))

    def norm(self) -> None:
        """Of mean 0 and variance 1."""
        if self.is_rounded:  # a small variance would magnify what was rounded
            return self.unary()
        x, axis = self.current, self._random.choice((-1, -1, -2))
        centred = self._add("subtract", x.name, self._add("mean, kept", x.name, axes=(axis,)))
        variance = self._add("mean, kept", self._add("square", centred), axes=(axis,))
        self.current = _Value(self._add("multiply", centred, self._add("inverse root", variance)), x.shape, NORMAL)
        self.words.append("normalise" + (" columns" if axis == -2 else ""))

    def cast(self) -> None:
        """Rounded to bfloat16, and back."""
        self.is_rounded = True
        x = self.current
        self.current = _Value(self._add("widen", self._add("narrow", x.name)), x.shape, x.bound)
        self.words.append("round to bf16")

    def transpose(self) -> None:
        x = self.current
        shape = (*x.shape[:-2], x.shape[-1], x.shape[-2])
        self.current = _Value(self._add("transpose", x.name), shape, x.bound)
        self.words.append("transpose")

    def tap(self) -> None:
        """A sum, mean or maximum of what there is becomes a result as well."""
        x, (axes, words) = self.current, self._axes()
        operation = self._random.choice(("sum", "sum", "mean", "largest"))
        kept = [size for index, size in enumerate(x.shape) if index not in {axis % len(x.shape) for axis in axes}]
        count = math.prod(x.shape) // math.prod(kept)
        # Of numbers of size 1 / 10 that cancel.
        unit = {"sum": 0.1 * math.sqrt(count), "mean": 0.1 / math.sqrt(count), "largest": 0.01}[operation]
        self.outputs.append(Output(self._add(operation, x.name, axes=axes), tuple(kept), FLOAT32, unit))
        self.words.append(f"{'maximum' if operation == 'largest' else operation} {words} as a result")

    def end(self) -> None:
        x = self.current
        dtype = self._random.choice((BFLOAT16, BFLOAT16, FLOAT32))
        value = self._add("narrow", x.name) if dtype == BFLOAT16 else x.name
        self.is_rounded |= dtype == BFLOAT16
        self.outputs.insert(0, Output(self._add("result", value), x.shape, dtype, 0.0))


# With how often each is drawn.
_KINDS: dict[Callable[[_Drawing], None], int] = {
    _Drawing.unary: 4,
    _Drawing.whole: 3,
    _Drawing.vector: 4,
    _Drawing.reduced: 2,
    _Drawing.softmax: 1,
    _Drawing.norm: 1,
    _Drawing.cast: 1,
    _Drawing.transpose: 2,
    _Drawing.tap: 2,
}
_ONCE = (_Drawing.transpose, _Drawing.norm, _Drawing.softmax, _Drawing.cast)


def _shape(draw: random.Random) -> tuple[int, ...]:
    while True:
        sizes = (ROWS, COLUMNS) if draw.random() < 0.6 else (BATCHES, LINES, WIDTHS)
        shape = tuple(draw.choice(choices) for choices in sizes)
        if LEAST_SIZE <= math.prod(shape) <= GREATEST_SIZE:
            return shape


def _chain(name: str, draw: random.Random, shape: tuple[int, ...]) -> Chain:
    drawing = _Drawing(draw, shape)
    used: set[Callable[[_Drawing], None]] = set()
    for _ in range(draw.randint(3, 8)):
        kinds = [kind for kind in _KINDS if kind not in used]
        kind = draw.choices(kinds, [_KINDS[kind] for kind in kinds])[0]
        if kind in _ONCE or (kind is _Drawing.tap and len(drawing.outputs) == 1):
            used.add(kind)
        kind(drawing)
    drawing.end()
    result = drawing.outputs[0]
    size = " × ".join(map(str, shape))
    dtypes = [argument.dtype for argument in drawing.arguments] + [result.dtype]
    types = "/".join({BFLOAT16: "bf16", FLOAT32: "f32"}[dtype] for dtype in dtypes)
    words = f"{size}, {types}: {', '.join(drawing.words)}"
    tolerance = 2e-2 if drawing.is_rounded else 1e-3
    return Chain(name, words, tuple(drawing.arguments), tuple(drawing.steps), tuple(drawing.outputs), tolerance)


def draw_chains(seed: int, count: int = COUNT, shape: tuple[int, ...] | None = None) -> list[Chain]:
    """The chains of a seed; of another shape than is drawn, if one is given (of its rank, what it does may differ)."""
    chains = []
    for index in range(count):
        draw = random.Random(f"{seed} {index}")
        drawn = _shape(draw)
        chains.append(_chain(f"chain {index:02d}", draw, drawn if shape is None else shape))
    return chains


def save(path: pathlib.Path, seed: int, chains: list[Chain]) -> None:
    path.write_text(json.dumps({"seed": seed, "chains": [dataclasses.asdict(chain) for chain in chains]}, indent=1) + "\n")


def load(path: pathlib.Path) -> tuple[int, list[Chain]]:
    """What ``save`` wrote: the seed, and the chains as they were drawn where they were compiled."""

    def tuples(fields: dict[str, Any]) -> dict[str, Any]:
        return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}

    data = json.loads(path.read_text())
    chains = [
        Chain(
            fields["name"],
            fields["words"],
            tuple(Argument(**tuples(argument)) for argument in fields["arguments"]),
            tuple(Step(**tuples(step)) for step in fields["steps"]),
            tuple(Output(**tuples(output)) for output in fields["outputs"]),
            fields["tolerance"],
        )
        for fields in data["chains"]
    ]
    return data["seed"], chains
