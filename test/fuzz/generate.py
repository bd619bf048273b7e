# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random valid programs of StableHLO: every supported operation on random shapes, nested in loops, branches and calls."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Value:
    name: str
    shape: Shape
    element: str

    @property
    def type(self) -> str:
        return tensor(self.shape, self.element)


def tensor(shape: Shape, element: str) -> str:
    return f"tensor<{''.join(f'{size}x' for size in shape)}{element}>"


def listed(numbers: object) -> str:
    return f"[{', '.join(map(str, numbers))}]"  # type: ignore[call-overload]


def array(numbers: object) -> str:
    text = ", ".join(map(str, numbers))  # type: ignore[call-overload]
    return f"array<i64: {text}>" if text else "array<i64>"


def is_float(element: str) -> bool:
    return element[0] in "fb"


FLOATS = ["f32"] * 12 + ["f16", "bf16", "f64"]
INTEGERS = ["i32"] * 6 + ["i8", "i16", "i64", "ui8", "ui32", "ui64"]
UNARY = [
    "abs", "negate", "sign", "exponential", "log", "sqrt", "rsqrt", "cbrt", "tanh", "logistic", "sine", "cosine", "floor",
    "ceil", "round_nearest_even", "round_nearest_afz", "exponential_minus_one", "log_plus_one", "tan",
]  # fmt: skip
CHLO = [
    "erf",
    "erfc",
    "sinh",
    "cosh",
    "asin",
    "atan",
    "asinh",
    "acosh",
    "atanh",
    "square",
    "erf_inv",
    "lgamma",
    "digamma",
    "digamma",
]
BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "power", "atan2", "remainder"]
BITWISE = ["add", "subtract", "multiply", "maximum", "minimum", "and", "or", "xor"]
SHIFTS = ["shift_left", "shift_right_arithmetic", "shift_right_logical"]


class Generator:
    """A program of about ``size`` operations; equal random numbers give equal text."""

    def __init__(self, rng: random.Random, size: int) -> None:
        self._rng = rng
        self._count = 0
        self._depth = 0
        self._lines: list[str] = []
        self._pool: list[Value] = []
        self._functions: list[str] = []
        self.arguments = [self._argument() for _ in range(rng.randint(1, 4))]
        self._pool += self.arguments
        self._fill(size)
        self.results = self._choose_results()

    def text(self) -> str:
        arguments = ", ".join(f"{a.name}: {a.type}" for a in self.arguments)
        types = ", ".join(r.type for r in self.results)
        names = ", ".join(r.name for r in self.results)
        body = "\n".join(self._lines)
        main = f"func.func public @main({arguments}) -> ({types}) {{\n{body}\n  return {names} : {types}\n}}"
        return "\n".join([main, *self._functions, ""])

    def _choose_results(self) -> list[Value]:
        """All that was computed, to show where a difference begins, or the last values, so that all can be fused."""
        computed = self._pool[len(self.arguments) :] or self._pool
        return computed if self._rng.random() < 0.3 else computed[-self._rng.randint(1, 3) :]

    def _fill(self, size: int) -> None:
        weights = [weight for _, weight in self._ways()]
        for _ in range(size):
            way = self._rng.choices([way for way, _ in self._ways()], weights)[0]
            way()

    def _ways(self) -> list[tuple[Callable[[], None], int]]:
        return [
            (self._unary, 8), (self._chlo, 3), (self._binary, 12), (self._bitwise, 5), (self._shift, 2), (self._divide, 2),
            (self._compare, 4), (self._select, 4), (self._clamp, 2), (self._convert, 5), (self._iota, 2),
            (self._constant_value, 3), (self._broadcast, 6), (self._reshape, 6), (self._transpose, 5), (self._reverse, 2),
            (self._slice, 5), (self._pad, 4), (self._concatenate, 4), (self._dynamic_slice, 3), (self._update, 3),
            (self._gather, 3), (self._scatter, 3), (self._reduce, 6), (self._argmax, 2), (self._reduce_window, 3),
            (self._select_and_scatter, 1), (self._dot, 6), (self._convolution, 3), (self._sort, 2), (self._top_k, 1),
            (self._while, 2), (self._case, 2), (self._map, 1), (self._bitcast, 1), (self._reduce_precision, 1),
            (self._barrier, 1), (self._call, 1), (self._softmax, 2), (self._random_bits, 1), (self._is_finite, 1),
        ]  # fmt: skip

    # Values.

    def _name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def _argument(self) -> Value:
        element = self._rng.choice(FLOATS if self._rng.random() < 0.8 else [*INTEGERS, "i1"])
        return Value(self._name(), self._shape(), element)

    def _size(self) -> int:
        return self._rng.choices([0, 1, 2, 3, 4, 5, 8, 17, 40], [2, 20, 20, 20, 15, 10, 8, 4, 1])[0]

    def _shape(self) -> Shape:
        shape = tuple(self._size() for _ in range(self._rng.choices([0, 1, 2, 3, 4], [12, 30, 35, 18, 5])[0]))
        return shape if math.prod(shape) <= 5000 else shape[:2]

    def _emit(self, body: str, shape: Shape, element: str) -> Value:
        value = Value(self._name(), shape, element)
        self._lines.append(f"  {value.name} = {body}")
        self._pool.append(value)
        return value

    def _pick(self, accept: Callable[[Value], bool]) -> Value | None:
        found = [v for v in self._pool if accept(v)]
        # The last ones more often: long chains.
        return self._rng.choice(found[-4:] if self._rng.random() < 0.6 else found) if found else None

    def _float(self, rank: int = 0) -> Value:
        return self._pick(lambda v: is_float(v.element) and len(v.shape) >= rank) or self._new(
            tuple(self._size() for _ in range(max(rank, 1))), "f32"
        )

    def _any(self, rank: int = 0) -> Value:
        return self._pick(lambda v: len(v.shape) >= rank) or self._float(rank)

    def _integer(self, accept: Callable[[Value], bool] = lambda v: True) -> Value:
        return self._pick(lambda v: not is_float(v.element) and v.element != "i1" and accept(v)) or self._new(
            self._shape(), self._rng.choice(INTEGERS)
        )

    def _number(self, element: str) -> str:
        if element == "i1":
            return self._rng.choice(["true", "false"])
        if is_float(element):
            return self._rng.choice(["0.0", "1.0", "-1.0", "0.5", "2.0", "-0.0", "3.25", "-7.0", "1.0e-3", "100.0"])
        low = 0 if element.startswith("u") else -5
        return str(self._rng.randint(low, 9))

    def _constant(self, shape: Shape, element: str, number: str | None = None) -> Value:
        count = math.prod(shape)
        if number is None and 0 < count <= 12 and self._rng.random() < 0.5:
            numbers = [self._number(element) for _ in range(count)]
            for size in reversed(shape):
                numbers = [listed(numbers[i : i + size]) for i in range(0, len(numbers), size)]
            body = numbers[0]
        else:
            body = number or self._number(element)
        if not count:
            body = ""
        return self._emit(f"stablehlo.constant dense<{body}> : {tensor(shape, element)}", shape, element)

    def _new(self, shape: Shape, element: str) -> Value:
        """One of this type, whatever its elements are."""
        way = self._rng.randrange(4)
        same = self._pick(lambda v: v.shape == shape and v.element == element)
        if same and way:
            return same
        if way == 1 and shape and element != "i1":
            return self._iota_of(shape, element)
        if way == 2:
            scalar = self._constant((), element)
            return self._broadcast_of(scalar, shape, [])
        if way == 3 and (other := self._pick(lambda v: v.shape == shape and v.element != element)):
            return self._convert_of(other, element)
        return self._constant(shape, element)

    def _permutation(self, rank: int) -> list[int]:
        return self._rng.sample(range(rank), rank)

    def _some(self, rank: int, least: int = 0) -> list[int]:
        """Some of the dimensions, in their order."""
        return sorted(self._rng.sample(range(rank), self._rng.randint(min(least, rank), rank)))

    # Elementwise.

    def _unary(self) -> None:
        a = self._float()
        self._emit(f"stablehlo.{self._rng.choice(UNARY)} {a.name} : {a.type}", a.shape, a.element)

    def _chlo(self) -> None:
        a = self._float()
        self._emit(f"chlo.{self._rng.choice(CHLO)} {a.name} : {a.type} -> {a.type}", a.shape, a.element)

    def _two(self, a: Value) -> Value:
        return a if self._rng.random() < 0.1 else self._new(a.shape, a.element)

    def _join(self, name: str, a: Value, b: Value) -> Value:
        if self._rng.random() < 0.5:
            a, b = b, a
        return self._emit(f"stablehlo.{name} {a.name}, {b.name} : {a.type}", a.shape, a.element)

    def _binary(self) -> None:
        a = self._float()
        self._join(self._rng.choice(BINARY), a, self._two(a))

    def _bitwise(self) -> None:
        a = self._integer() if self._rng.random() < 0.7 else self._new(self._shape(), "i1")
        # XLA folds true + true to false.
        names = BITWISE if a.element != "i1" else BITWISE[3:]
        self._join(self._rng.choice(names), a, self._two(a))

    def _shift(self) -> None:
        a = self._integer()
        self._join(self._rng.choice(SHIFTS), a, self._two(a))

    def _divide(self) -> None:
        a = self._integer()
        one = self._constant(a.shape, a.element, "1")
        b = self._two(a)
        odd = self._emit(f"stablehlo.or {b.name}, {one.name} : {a.type}", a.shape, a.element)
        name = self._rng.choice(["divide", "remainder"])
        self._emit(f"stablehlo.{name} {a.name}, {odd.name} : {a.type}", a.shape, a.element)

    def _compare(self) -> None:
        a = self._any()
        b = self._two(a)
        direction = self._rng.choice(["EQ", "NE", "LT", "LE", "GT", "GE"])
        kind = "FLOAT" if is_float(a.element) else "UNSIGNED" if a.element in ("i1",) or a.element[0] == "u" else "SIGNED"
        if kind == "FLOAT" and self._rng.random() < 0.2:
            kind = "TOTALORDER"
        body = f"stablehlo.compare {direction}, {a.name}, {b.name}, {kind} : ({a.type}, {b.type}) -> "
        self._emit(body + tensor(a.shape, "i1"), a.shape, "i1")

    def _is_finite(self) -> None:
        a = self._float()
        self._emit(f"stablehlo.is_finite {a.name} : ({a.type}) -> {tensor(a.shape, 'i1')}", a.shape, "i1")

    def _select(self) -> None:
        a = self._any()
        b = self._two(a)
        p = self._new(a.shape if self._rng.random() < 0.7 else (), "i1")
        self._emit(f"stablehlo.select {p.name}, {a.name}, {b.name} : {p.type}, {a.type}", a.shape, a.element)

    def _clamp(self) -> None:
        a = self._pick(lambda v: v.element != "i1") or self._float()
        low, high = (self._new(a.shape if self._rng.random() < 0.5 else (), a.element) for _ in range(2))
        body = f"stablehlo.clamp {low.name}, {a.name}, {high.name} : ({low.type}, {a.type}, {high.type}) -> {a.type}"
        self._emit(body, a.shape, a.element)

    def _convert_of(self, a: Value, element: str) -> Value:
        return self._emit(f"stablehlo.convert {a.name} : ({a.type}) -> {tensor(a.shape, element)}", a.shape, element)

    def _convert(self) -> None:
        a = self._any()
        elements = FLOATS if self._rng.random() < 0.7 else [*INTEGERS, "i1"]
        self._convert_of(a, self._rng.choice(elements))

    def _bitcast(self) -> None:
        widths = {
            "f32": 32,
            "i32": 32,
            "ui32": 32,
            "i8": 8,
            "ui8": 8,
            "f16": 16,
            "i16": 16,
            "i64": 64,
            "ui64": 64,
            "f64": 64,
        }
        a = self._integer(lambda v: v.element in widths)
        other = self._rng.choice([e for e in widths if e[0] != "f"])
        ratio = widths[a.element] / widths[other]
        if ratio < 1 and (not a.shape or a.shape[-1] != 1 / ratio):
            return
        shape = a.shape if ratio == 1 else (*a.shape, int(ratio)) if ratio > 1 else a.shape[:-1]
        self._emit(f"stablehlo.bitcast_convert {a.name} : ({a.type}) -> {tensor(shape, other)}", shape, other)

    def _reduce_precision(self) -> None:
        a = self._float()
        form = self._rng.choice(["e5m2", "e8m7", "e4m3", "e5m10"])
        self._emit(f"stablehlo.reduce_precision {a.name}, format = {form} : {a.type}", a.shape, a.element)

    def _barrier(self) -> None:
        a = self._any()
        self._emit(f"stablehlo.optimization_barrier {a.name} : {a.type}", a.shape, a.element)

    def _map(self) -> None:
        a = self._float()
        b = self._two(a)
        scalar = tensor((), a.element)
        name = self._rng.choice(["add", "multiply", "maximum"])
        body = (
            f'"stablehlo.map"({a.name}, {b.name}) <{{dimensions = {array(range(len(a.shape)))}}}> ({{\n'
            f"  ^bb0(%p: {scalar}, %q: {scalar}):\n    %r = stablehlo.{name} %p, %q : {scalar}\n"
            f"    %s = stablehlo.tanh %r : {scalar}\n    stablehlo.return %s : {scalar}\n  }}) : ({a.type}, {a.type}) "
            f"-> {a.type}"
        )
        self._emit(body, a.shape, a.element)

    # Creation and movement.

    def _iota_of(self, shape: Shape, element: str) -> Value:
        dim = self._rng.randrange(len(shape))
        return self._emit(f"stablehlo.iota dim = {dim} : {tensor(shape, element)}", shape, element)

    def _iota(self) -> None:
        self._iota_of(self._shape() or (4,), self._rng.choice(FLOATS + INTEGERS))

    def _constant_value(self) -> None:
        self._constant(self._shape(), self._rng.choice([*FLOATS, *INTEGERS, "i1"]))

    def _broadcast_of(self, a: Value, shape: Shape, dims: list[int]) -> Value:
        result = tensor(shape, a.element)
        body = f"stablehlo.broadcast_in_dim {a.name}, dims = {listed(dims)} : ({a.type}) -> {result}"
        return self._emit(body, shape, a.element)

    def _broadcast(self) -> None:
        a = self._any()
        rank = max(min(len(a.shape) + self._rng.randint(0, 2), 5), len(a.shape))
        dims = self._rng.sample(range(rank), len(a.shape))
        if self._rng.random() < 0.8:
            dims.sort()
        shape = [self._size() for _ in range(rank)]
        for dim, size in zip(dims, a.shape, strict=True):
            shape[dim] = size if size != 1 or self._rng.random() < 0.3 else shape[dim]
        if math.prod(shape) <= 5000:
            self._broadcast_of(a, tuple(shape), dims)

    def _reshape(self) -> None:
        a = self._any()
        self._reshape_of(a, self._split(math.prod(a.shape)))

    def _reshape_of(self, a: Value, shape: Shape) -> Value:
        return self._emit(f"stablehlo.reshape {a.name} : ({a.type}) -> {tensor(shape, a.element)}", shape, a.element)

    def _split(self, count: int) -> Shape:
        """Sizes whose product it is."""
        if not count:
            shape = [self._size() for _ in range(self._rng.randint(1, 3))]
            shape[self._rng.randrange(len(shape))] = 0
            return tuple(shape)
        shape = []
        while count > 1 and self._rng.random() < 0.8:
            factor = self._rng.choice([d for d in range(1, count + 1) if not count % d])
            shape.append(factor)
            count //= factor
        if count > 1 or self._rng.random() < 0.2:
            shape.append(count)
        return tuple(shape)

    def _transpose(self) -> None:
        a = self._any(2)
        order = self._permutation(len(a.shape))
        shape = tuple(a.shape[i] for i in order)
        body = f"stablehlo.transpose {a.name}, dims = {listed(order)} : ({a.type}) -> {tensor(shape, a.element)}"
        self._emit(body, shape, a.element)

    def _reverse(self) -> None:
        a = self._any(1)
        self._emit(f"stablehlo.reverse {a.name}, dims = {listed(self._some(len(a.shape)))} : {a.type}", a.shape, a.element)

    def _slice(self) -> None:
        a = self._any(1)
        parts, shape = [], []
        for size in a.shape:
            start = self._rng.randint(0, size)
            limit = self._rng.randint(start, size)
            stride = self._rng.choice([1, 1, 1, 2, 3])
            parts.append(f"{start}:{limit}" + (f":{stride}" if stride > 1 else ""))
            shape.append(-(-(limit - start) // stride))
        body = f"stablehlo.slice {a.name} {listed(parts)} : ({a.type}) -> {tensor(tuple(shape), a.element)}"
        self._emit(body, tuple(shape), a.element)

    def _pad(self) -> None:
        a = self._any(1)
        v = self._new((), a.element)
        low, high, inner, shape = [], [], [], []
        for size in a.shape:
            low.append(self._rng.randint(-1, 2))
            high.append(self._rng.randint(-1, 2))
            inner.append(self._rng.choice([0, 0, 1, 2]))
            length = size + max(size - 1, 0) * inner[-1] + low[-1] + high[-1]
            if length < 0:
                low[-1] = high[-1] = 0
                length = size + max(size - 1, 0) * inner[-1]
            shape.append(length)
        if math.prod(shape) <= 20000:
            types = f"({a.type}, {v.type}) -> {tensor(tuple(shape), a.element)}"
            lists = f"low = {listed(low)}, high = {listed(high)}, interior = {listed(inner)}"
            self._emit(f"stablehlo.pad {a.name}, {v.name}, {lists} : {types}", tuple(shape), a.element)

    def _concatenate(self) -> None:
        a = self._any(1)
        dim = self._rng.randrange(len(a.shape))
        parts = [a]
        for _ in range(self._rng.randint(0, 2)):
            shape = a.shape[:dim] + (self._size(),) + a.shape[dim + 1 :]
            parts.append(a if self._rng.random() < 0.2 else self._new(shape, a.element))
        self._rng.shuffle(parts)
        shape = a.shape[:dim] + (sum(p.shape[dim] for p in parts),) + a.shape[dim + 1 :]
        names, types = ", ".join(p.name for p in parts), ", ".join(p.type for p in parts)
        body = f"stablehlo.concatenate {names}, dim = {dim} : ({types}) -> {tensor(shape, a.element)}"
        self._emit(body, shape, a.element)

    def _starts(self, rank: int) -> list[Value]:
        element = self._rng.choice(["i32", "i32", "i64", "ui32", "i8"])
        return [self._new((), element) for _ in range(rank)]

    def _dynamic_slice(self) -> None:
        a = self._any(1)
        starts = self._starts(len(a.shape))
        shape = tuple(
            self._rng.randint(0, s) if self._rng.random() < 0.1 else self._rng.randint(min(1, s), s) for s in a.shape
        )
        names, types = ", ".join(s.name for s in [a, *starts]), ", ".join(s.type for s in [a, *starts])
        body = f"stablehlo.dynamic_slice {names}, sizes = {listed(shape)} : ({types}) -> {tensor(shape, a.element)}"
        self._emit(body, shape, a.element)

    def _update(self) -> None:
        a = self._any(1)
        starts = self._starts(len(a.shape))
        u = self._new(tuple(self._rng.randint(min(1, s), s) for s in a.shape), a.element)
        names = ", ".join(s.name for s in [a, u, *starts])
        types = ", ".join(s.type for s in [a, u, *starts])
        self._emit(f"stablehlo.dynamic_update_slice {names} : ({types}) -> {a.type}", a.shape, a.element)

    def _indices(self, shape: Shape) -> Value:
        """Some of them out of range."""
        return self._new(shape, self._rng.choice(["i32", "i32", "i64", "ui32"]))

    def _gather(self) -> None:
        """Along some dimensions one index each; slices of the others are whole or shorter."""
        a = self._any(1)
        mapped = self._some(len(a.shape), 1)
        if any(not a.shape[d] for d in mapped):
            return
        collapsed = [d for d in mapped if self._rng.random() < 0.7]
        batch = tuple(self._size() for _ in range(self._rng.randint(0, 2)))
        at = self._rng.randint(0, len(batch))
        i = self._indices((*batch[:at], len(mapped), *batch[at:]))
        sizes = [1 if d in mapped else s for d, s in enumerate(a.shape)]
        for d in mapped:
            if d not in collapsed:
                sizes[d] = self._rng.randint(1, a.shape[d])
        window = [s for d, s in enumerate(sizes) if d not in collapsed]
        offsets = sorted(self._rng.sample(range(len(batch) + len(window)), len(window)))
        rest, inner = iter(batch), iter(window)
        shape = tuple(next(inner) if d in offsets else next(rest) for d in range(len(batch) + len(window)))
        if math.prod(shape) > 5000:
            return
        numbers = (
            f"#stablehlo.gather<offset_dims = {listed(offsets)}, collapsed_slice_dims = {listed(collapsed)}, "
            f"start_index_map = {listed(self._rng.sample(mapped, len(mapped)))}, index_vector_dim = {at}>"
        )
        body = (
            f'"stablehlo.gather"({a.name}, {i.name}) <{{dimension_numbers = {numbers}, indices_are_sorted = false, '
            f"slice_sizes = {array(sizes)}}}> : ({a.type}, {i.type}) -> {tensor(shape, a.element)}"
        )
        self._emit(body, shape, a.element)

    def _region(self, element: str, name: str) -> str:
        """What joins two elements."""
        scalar = tensor((), element)
        body = f"    %r = stablehlo.{name} %p, %q : {scalar}\n" if name else ""
        result = "%r" if name else "%q"
        return f"({{\n  ^bb0(%p: {scalar}, %q: {scalar}):\n{body}    stablehlo.return {result} : {scalar}\n  }})"

    def _joins(self, element: str) -> str:
        if element == "i1":
            return self._rng.choice(["and", "or", "maximum", "minimum"])
        return self._rng.choice(["add", "add", "maximum", "minimum", "multiply"])

    def _neutral(self, name: str, element: str) -> str:
        if is_float(element):
            width = {"f16": "FC00", "bf16": "FF80", "f32": "FF800000", "f64": "FFF0000000000000"}[element]
            low, high = f"0x{width}", f"0x7{width[1:]}"
            return {"add": "0.0", "multiply": "1.0", "maximum": low, "minimum": high}[name]
        if element == "i1":
            return {
                "and": "true",
                "or": "false",
                "add": "false",
                "multiply": "true",
                "maximum": "false",
                "minimum": "true",
            }[name]
        bits, unsigned = int(element.strip("ui")), element[0] == "u"
        low_number = 0 if unsigned else -(2 ** (bits - 1))
        high_number = 2**bits - 1 if unsigned else 2 ** (bits - 1) - 1
        values = {"add": 0, "or": 0, "multiply": 1, "and": high_number, "maximum": low_number, "minimum": high_number}
        return str(values[name])

    def _scatter(self) -> None:
        a = self._any(1)
        mapped = self._some(len(a.shape), 1)
        if any(not a.shape[d] for d in mapped):
            return
        inserted = [d for d in mapped if self._rng.random() < 0.7]
        batch = tuple(self._size() for _ in range(self._rng.randint(0, 2)))
        at = self._rng.randint(0, len(batch))
        i = self._indices((*batch[:at], len(mapped), *batch[at:]))
        window = [self._rng.randint(min(1, s), s) for d, s in enumerate(a.shape) if d not in inserted]
        dims = sorted(self._rng.sample(range(len(batch) + len(window)), len(window)))
        rest, inner = iter(batch), iter(window)
        shape = tuple(next(inner) if d in dims else next(rest) for d in range(len(batch) + len(window)))
        if math.prod(shape) > 5000:
            return
        u = self._new(shape, a.element)
        name = self._rng.choice(["", self._joins(a.element)])
        numbers = (
            f"#stablehlo.scatter<update_window_dims = {listed(dims)}, inserted_window_dims = {listed(inserted)}, "
            f"scatter_dims_to_operand_dims = {listed(self._rng.sample(mapped, len(mapped)))}, index_vector_dim = {at}>"
        )
        body = (
            f'"stablehlo.scatter"({a.name}, {i.name}, {u.name}) <{{indices_are_sorted = false, scatter_dimension_numbers = '
            f"{numbers}, unique_indices = false}}> {self._region(a.element, name)} : ({a.type}, {i.type}, {u.type}) "
            f"-> {a.type}"
        )
        self._emit(body, a.shape, a.element)

    # Reductions and windows.

    def _reduce_of(self, a: Value, name: str, dims: list[int]) -> Value:
        init = self._constant((), a.element, self._neutral(name, a.element))
        shape = tuple(s for d, s in enumerate(a.shape) if d not in dims)
        body = (
            f"stablehlo.reduce({a.name} init: {init.name}) applies stablehlo.{name} across dimensions = {listed(dims)} : "
            f"({a.type}, {init.type}) -> {tensor(shape, a.element)}"
        )
        return self._emit(body, shape, a.element)

    def _reduce(self) -> None:
        a = self._any(1)
        self._reduce_of(a, self._joins(a.element), self._some(len(a.shape)))

    def _argmax(self) -> None:
        a = self._float(1)
        dims = [self._rng.randrange(len(a.shape))]
        n = self._iota_of(a.shape, "i32")
        low = self._constant((), a.element, self._neutral("maximum", a.element))
        zero = self._constant((), "i32", "0")
        shape = tuple(s for d, s in enumerate(a.shape) if d not in dims)
        scalar, value, index = tensor((), a.element), tensor(shape, a.element), tensor(shape, "i32")
        name = self._name()
        self._lines.append(
            f"  {name}:2 = stablehlo.reduce({a.name} init: {low.name}), ({n.name} init: {zero.name}) across dimensions = "
            f"{listed(dims)} : ({a.type}, {n.type}, {low.type}, tensor<i32>) -> ({value}, {index})\n"
            f"   reducer(%x: {scalar}, %y: {scalar}) (%k: tensor<i32>, %l: tensor<i32>) {{\n"
            f"    %a = stablehlo.compare GT, %x, %y, FLOAT : ({scalar}, {scalar}) -> tensor<i1>\n"
            f"    %b = stablehlo.compare NE, %x, %x, FLOAT : ({scalar}, {scalar}) -> tensor<i1>\n"
            "    %c = stablehlo.or %a, %b : tensor<i1>\n"
            f"    %d = stablehlo.compare EQ, %x, %y, FLOAT : ({scalar}, {scalar}) -> tensor<i1>\n"
            "    %e = stablehlo.compare LT, %k, %l, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>\n"
            "    %f = stablehlo.and %d, %e : tensor<i1>\n    %g = stablehlo.or %c, %f : tensor<i1>\n"
            f"    %h = stablehlo.select %c, %x, %y : tensor<i1>, {scalar}\n"
            "    %i = stablehlo.select %g, %k, %l : tensor<i1>, tensor<i32>\n"
            f"    stablehlo.return %h, %i : {scalar}, tensor<i32>\n  }}"
        )
        self._pool += [Value(f"{name}#0", shape, a.element), Value(f"{name}#1", shape, "i32")]

    def _windows(self, a: Value, dilate: bool) -> tuple[str, Shape] | None:
        """Attributes of a window, and how many there are."""
        sizes, strides, base, inner, padding, shape = [], [], [], [], [], []
        for size in a.shape:
            sizes.append(self._rng.randint(1, 3))
            strides.append(self._rng.choice([1, 1, 2, 3]))
            base.append(self._rng.choice([1, 1, 1, 2]) if dilate else 1)
            inner.append(self._rng.choice([1, 1, 1, 2]) if dilate else 1)
            padding.append([self._rng.randint(0, 2), self._rng.randint(0, 2)])
            length = (size - 1) * base[-1] + 1 if size else 0
            room = length + sum(padding[-1]) - (inner[-1] * (sizes[-1] - 1) + 1)
            shape.append(room // strides[-1] + 1 if room >= 0 else 0)
        if math.prod(shape) > 5000:
            return None
        rank = len(a.shape)
        dilations = f"base_dilations = {array(base)}, window_dilations = {array(inner)}, " if dilate else ""
        text = (
            f"{dilations}padding = dense<{padding}> : tensor<{rank}x2xi64>, window_dimensions = {array(sizes)}, "
            f"window_strides = {array(strides)}"
        )
        return text, tuple(shape)

    def _reduce_window(self) -> None:
        a = self._any(1)
        name = self._joins(a.element)
        if found := self._windows(a, True):
            attributes, shape = found
            init = self._constant((), a.element, self._neutral(name, a.element))
            body = (
                f'"stablehlo.reduce_window"({a.name}, {init.name}) <{{{attributes}}}> {self._region(a.element, name)} '
                f": ({a.type}, {init.type}) -> {tensor(shape, a.element)}"
            )
            self._emit(body, shape, a.element)

    def _select_and_scatter(self) -> None:
        a = self._float(1)
        if found := self._windows(a, False):
            attributes, shape = found
            s = self._new(shape, a.element)
            init = self._constant((), a.element, "0.0")
            scalar = tensor((), a.element)
            body = (
                f'"stablehlo.select_and_scatter"({a.name}, {s.name}, {init.name}) <{{{attributes}}}> ({{\n'
                f"  ^bb0(%p: {scalar}, %q: {scalar}):\n    %r = stablehlo.compare GE, %p, %q, FLOAT : "
                f"({scalar}, {scalar}) -> tensor<i1>\n    stablehlo.return %r : tensor<i1>\n  }}, "
                f"{self._region(a.element, 'add')[1:-1]}) "
                f": ({a.type}, {s.type}, {init.type}) -> {a.type}"
            )
            self._emit(body, a.shape, a.element)

    def _softmax(self) -> None:
        """What attention is made of."""
        a = self._float(1)
        dim = len(a.shape) - 1
        keep = list(range(dim))
        top = self._broadcast_of(self._reduce_of(a, "maximum", [dim]), a.shape, keep)
        less = self._emit(f"stablehlo.subtract {a.name}, {top.name} : {a.type}", a.shape, a.element)
        e = self._emit(f"stablehlo.exponential {less.name} : {a.type}", a.shape, a.element)
        total = self._broadcast_of(self._reduce_of(e, "add", [dim]), a.shape, keep)
        self._emit(f"stablehlo.divide {e.name}, {total.name} : {a.type}", a.shape, a.element)

    # Contractions.

    def _dot(self) -> None:
        a = self._float()
        rank = len(a.shape)
        order = self._permutation(rank)
        batches = order[: self._rng.choice([0, 0, 0, 1, 2])]
        contracted = order[len(batches) : len(batches) + self._rng.choice([0, 1, 1, 1, 2])]
        free = [self._size() for _ in range(self._rng.choice([0, 1, 1, 2]))]
        places: list[tuple[str, int]] = [("b", d) for d in batches] + [("c", d) for d in contracted]
        places += [("f", i) for i in range(len(free))]
        self._rng.shuffle(places)
        b = self._new(tuple(free[i] if kind == "f" else a.shape[i] for kind, i in places), a.element)
        where = {place: at for at, place in enumerate(places)}
        left = [s for d, s in enumerate(a.shape) if d not in batches and d not in contracted]
        right = [b.shape[at] for at, (kind, _) in enumerate(places) if kind == "f"]
        shape = tuple([a.shape[d] for d in batches] + left + right)
        if math.prod(shape) > 5000:
            return
        lists = ""
        if batches:
            lists += f"batching_dims = {listed(batches)} x {listed(where['b', d] for d in batches)}, "
        lists += f"contracting_dims = {listed(contracted)} x {listed(where['c', d] for d in contracted)}"
        types = f"({a.type}, {b.type}) -> {tensor(shape, a.element)}"
        product = self._emit(f"stablehlo.dot_general {a.name}, {b.name}, {lists} : {types}", shape, a.element)
        if math.prod(a.shape[d] for d in contracted) <= 1:
            # XLA only multiplies then, which leaves -0, where 0 + -0 is 0.
            self._pool.remove(product)
            self._emit(f"stablehlo.abs {product.name} : {product.type}", shape, a.element)

    def _convolution(self) -> None:
        rank = self._rng.choice([1, 2, 2])
        element = self._rng.choice(["f32", "f32", "f32", "bf16", "f64"])
        groups, batch_groups = self._rng.choice([(1, 1), (1, 1), (2, 1), (1, 2), (3, 1)])
        batch = self._rng.choice([1, 2, 4]) * batch_groups
        features, outputs = self._rng.choice([1, 2, 3]) * groups, self._rng.choice([1, 2]) * groups * batch_groups
        spatial = [self._rng.choice([1, 3, 4, 6, 7]) for _ in range(rank)]
        kernel = [self._rng.choice([1, 2, 3]) for _ in range(rank)]
        stride, left, right = ([self._rng.choice([1, 1, 2]) for _ in range(rank)] for _ in range(3))
        pad = [[self._rng.randint(-1, 2), self._rng.randint(0, 2)] for _ in range(rank)]
        out = []
        for s, k, t, p, d, r in zip(spatial, kernel, stride, pad, left, right, strict=True):
            room = (s - 1) * d + 1 + sum(p) - ((k - 1) * r + 1)
            out.append(room // t + 1 if room >= 0 else 0)
        if any((s - 1) * d + 1 + sum(p) < 0 for s, d, p in zip(spatial, left, pad, strict=True)):
            return

        def laid_out(sizes: dict[str, int]) -> tuple[list[str], Shape]:
            names = self._rng.sample(list(sizes), len(sizes))
            return names, tuple(sizes[n] for n in names)

        places = [str(d) for d in range(rank)]
        x_names, x_shape = laid_out({"b": batch, "f": features, **dict(zip(places, spatial, strict=True))})
        w_names, w_shape = laid_out({"i": features // groups, "o": outputs, **dict(zip(places, kernel, strict=True))})
        y_names, y_shape = laid_out({"b": batch // batch_groups, "f": outputs, **dict(zip(places, out, strict=True))})
        x, w = self._new(x_shape, element), self._new(w_shape, element)
        flip = [self._rng.choice(["false", "false", "true"]) for _ in range(rank)]
        window = (
            f"stride = {listed(stride)}, pad = {listed(pad)}, lhs_dilate = {listed(left)}, rhs_dilate = {listed(right)}"
        )
        body = (
            f"stablehlo.convolution({x.name}, {w.name}) dim_numbers = {listed(x_names)}x{listed(w_names)}->"
            f"{listed(y_names)}, window = {{{window}, reverse = {listed(flip)}}} "
            f"{{batch_group_count = {batch_groups} : i64, feature_group_count = "
            f"{groups} : i64}} : ({x.type}, {w.type}) -> {tensor(y_shape, element)}"
        )
        self._emit(body, y_shape, element)

    # Order.

    def _sort(self) -> None:
        a = self._any(1)
        if a.element == "i1":
            return
        dim = self._rng.randrange(len(a.shape))
        scalar = tensor((), a.element)
        kind = "TOTALORDER" if is_float(a.element) else "UNSIGNED" if a.element[0] == "u" else "SIGNED"
        compare = (
            f"    %c = stablehlo.compare {self._rng.choice(['LT', 'GT'])}, %p, %q, {kind} : ({scalar}, {scalar}) -> "
            "tensor<i1>\n    stablehlo.return %c : tensor<i1>\n  })"
        )
        options = f"<{{dimension = {dim} : i64, is_stable = true}}>"
        if self._rng.random() < 0.5:
            body = f'"stablehlo.sort"({a.name}) {options} ({{\n  ^bb0(%p: {scalar}, %q: {scalar}):\n{compare}'
            body += f" : ({a.type}) -> {a.type}"
            self._emit(body, a.shape, a.element)
            return
        n = self._iota_of(a.shape, "i32")
        name = self._name()
        self._lines.append(
            f'  {name}:2 = "stablehlo.sort"({a.name}, {n.name}) {options} ({{\n'
            f"  ^bb0(%p: {scalar}, %q: {scalar}, %k: tensor<i32>, %l: tensor<i32>):\n{compare} : ({a.type}, {n.type}) -> "
            f"({a.type}, {n.type})"
        )
        self._pool += [Value(f"{name}#0", *(a.shape, a.element)), Value(f"{name}#1", a.shape, "i32")]

    def _top_k(self) -> None:
        a = self._pick(lambda v: bool(v.shape) and v.element in ("f32", "i32", "f64"))
        if a is None:
            return
        k = self._rng.randint(0, a.shape[-1])
        shape, name = (*a.shape[:-1], k), self._name()
        types = f"({tensor(shape, a.element)}, {tensor(shape, 'i32')})"
        self._lines.append(f"  {name}:2 = chlo.top_k({a.name}, k = {k}) : {a.type} -> {types}")
        self._pool += [Value(f"{name}#0", shape, a.element), Value(f"{name}#1", shape, "i32")]

    def _random_bits(self) -> None:
        key = self._new((2,), "ui64")
        shape, element = self._shape(), self._rng.choice(["ui32", "ui64", "ui8"])
        name, result = self._name(), tensor(shape, element)
        self._lines.append(
            f"  {name}, {name}b = stablehlo.rng_bit_generator {key.name}, algorithm = THREE_FRY : ({key.type}) -> "
            f"({key.type}, {result})"
        )
        self._pool += [Value(name, key.shape, key.element), Value(f"{name}b", shape, element)]

    # Control flow.

    def _inside(self, given: list[Value], wanted: list[Value], size: int) -> list[str]:
        """Lines that compute values of the types of ``wanted`` from ``given`` and what is outside, and return them."""
        lines, pool = self._lines, self._pool
        self._lines, self._pool = [], [*pool, *given]
        self._fill(self._rng.randint(0, size))
        results = [self._new(v.shape, v.element) for v in wanted]
        names, types = ", ".join(r.name for r in results), ", ".join(r.type for r in results)
        inner = [*self._lines, f"  stablehlo.return {names} : {types}"]
        self._lines, self._pool = lines, pool
        return inner

    def _carried(self) -> list[Value]:
        return [self._any() for _ in range(self._rng.randint(1, 3))]

    def _while(self) -> None:
        """A counted loop of few trips."""
        if self._depth >= 2:
            return
        carried = self._carried()
        self._depth += 1
        zero = self._constant((), "i32", "0")
        one = self._constant((), "i32", "1")
        limit = self._constant((), "i32", str(self._rng.randint(0, 3)))
        counter = Value(self._name(), (), "i32")
        inside = [Value(self._name(), v.shape, v.element) for v in carried]
        body = self._inside([counter, *inside], carried, 4)
        self._depth -= 1
        name = self._name()
        starts = ", ".join(f"{i.name} = {v.name}" for i, v in zip([counter, *inside], [zero, *carried], strict=True))
        types = ", ".join(["tensor<i32>", *(v.type for v in carried)])
        following = f"{counter.name}n"
        body[-1] = (
            body[-1].replace("stablehlo.return ", f"stablehlo.return {following}, ").replace(" : ", " : tensor<i32>, ", 1)
        )
        lines = "\n".join(body)
        self._lines.append(
            f"  {name}:{len(carried) + 1} = stablehlo.while({starts}) : {types}\n  cond {{\n"
            f"    %go = stablehlo.compare LT, {counter.name}, {limit.name}, SIGNED : (tensor<i32>, tensor<i32>) -> "
            f"tensor<i1>\n    stablehlo.return %go : tensor<i1>\n  }} do {{\n"
            f"    {following} = stablehlo.add {counter.name}, {one.name} : tensor<i32>\n{lines}\n  }}"
        )
        self._pool += [Value(f"{name}#{i + 1}", v.shape, v.element) for i, v in enumerate(carried)]

    def _case(self) -> None:
        if self._depth >= 2:
            return
        results = self._carried()
        self._depth += 1
        count = self._rng.randint(1, 3)
        is_if = count == 2 and self._rng.random() < 0.5
        index = self._new((), "i1" if is_if else "i32")
        branches = ["\n".join(self._inside([], results, 4)) for _ in range(count)]
        self._depth -= 1
        name = self._name()
        regions = ", ".join(f"{{\n{branch}\n  }}" for branch in branches)
        types = ", ".join(v.type for v in results)
        operation = "if" if is_if else "case"
        self._lines.append(
            f'  {name}:{len(results)} = "stablehlo.{operation}"({index.name}) ({regions}) : ({index.type}) -> ({types})'
        )
        self._pool += [Value(f"{name}#{i}", v.shape, v.element) for i, v in enumerate(results)]

    def _call(self) -> None:
        """A function of some of the values, called once or twice."""
        if self._depth:
            return
        taken, wanted = self._carried(), self._carried()
        function = f"@f{self._name()[2:]}"
        lines, pool = self._lines, self._pool
        given = [Value(self._name(), v.shape, v.element) for v in taken]
        self._pool, self._lines, self._depth = [], [], 1
        inner = self._inside(given, wanted, 4)
        inner[-1] = inner[-1].replace("stablehlo.return", "return")
        body = "\n".join(inner)
        self._lines, self._pool, self._depth = lines, pool, 0
        arguments = ", ".join(f"{v.name}: {v.type}" for v in given)
        types = ", ".join(v.type for v in wanted)
        self._functions.append(f"func.func private {function}({arguments}) -> ({types}) {{\n{body}\n}}")
        for _ in range(self._rng.randint(1, 2)):
            name = self._name()
            names, kinds = ", ".join(v.name for v in taken), ", ".join(v.type for v in taken)
            self._lines.append(f"  {name}:{len(wanted)} = call {function}({names}) : ({kinds}) -> ({types})")
            self._pool += [Value(f"{name}#{i}", v.shape, v.element) for i, v in enumerate(wanted)]
