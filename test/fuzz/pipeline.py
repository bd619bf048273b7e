# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Valid programs through whole pipelines: they compile, run, and compute what jaxlib's own compiler does."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from steelyard._schemes import Recipe, Scalify
from steelyard._types import DTYPES

from fuzz.cases import Find, Outcome, find_of
from fuzz.generate import Generator
from fuzz.minimise import minimise
from fuzz.mutate import Mutator
from fuzz.probe import extrema, has_ties, returning, scatters
from fuzz.reference import Reference, Results, in_float64, rounded
from fuzz.seeds import seeds
from fuzz.server import RUN, Server

SCHEMES = {
    "": 5,
    Scalify(matmul=None).pipeline(): 3,
    Scalify().pipeline(): 3,
    Scalify(matmul=Recipe("fp8-delayed"), storage="bfloat16").pipeline(): 1,
    Recipe("fp8-current").pipeline(): 1,
}
#: What is said of programs that are valid and outside of what is supported.
UNSUPPORTED = re.compile(
    r"not supported|takes or returns|no public function|more elements|several devices|larger than|has no scale|too large"
    r"|does not meet the tolerance|is not an operation of stablehlo"
)
#: What is float64 in the exact reference.
NARROW = ("bf16", "f16", "f32")
#: What XLA's CPU code of JAX 0.10.2 loses NaN in, a minimum or maximum over several dimensions, and what it makes some
#: in: atan2(0, 0) of an iota. log(power(x, y)) is y log(x) there, also where the power is beyond the format.
LOSES_NAN = re.compile(r"stablehlo\.(minimum|maximum) across|stablehlo\.reduce\b")
MAKES_NAN = re.compile(r"stablehlo\.iota[^$]*stablehlo\.atan2")
LOG_OF_POWER = re.compile(r"stablehlo\.power[^$]*stablehlo\.log\b")
#: Zero somewhere, where XLA's sums for them are off by some float32 roundings of 1: lgamma(1) is 4.8e-7 there, and what
#: rounds or compares that has another result.
HAS_ROOTS = re.compile(r"chlo\.(?:lgamma|digamma)\b")
CUTS_AT_ROOTS = re.compile(HAS_ROOTS.pattern + r"[^$]*stablehlo\.(?:ceil|floor|round_\w+|sign|compare)\b")


def is_of_xla(text: str, ours: Any, want: Any, has_nan: Callable[[], bool]) -> bool:
    """Whether NaN in ours alone or the reference alone, an infinity in ours, or nearly zero may be the reference's doing.

    ``has_nan`` says whether a reduction that may lose NaN is given one.
    """
    if ours.dtype.kind in "iub":
        return False
    mine, theirs = np.isnan(ours.astype("f8")), np.isnan(want.astype("f8"))
    if LOG_OF_POWER.search(text) and np.any(~np.isfinite(ours.astype("f8")) & np.isfinite(want.astype("f8"))):
        return True
    if HAS_ROOTS.search(text) and np.allclose(ours.astype("f8"), want.astype("f8"), rtol=0, atol=2.0**-20, equal_nan=True):
        return True
    if CUTS_AT_ROOTS.search(text):
        return True
    lost, made = bool(np.any(mine & ~theirs)), bool(np.any(theirs & ~mine))
    if made and MAKES_NAN.search(text):
        return True
    return lost and LOSES_NAN.search(text) is not None and has_nan()


def _types(text: str) -> list[tuple[tuple[int, ...], str]]:
    """Shapes and element types of @main's arguments."""
    found = re.search(r"@main\(((?:[^()]|\([^()]*\))*)\)", text)
    kinds = re.findall(r"%\w+: tensor<((?:\d+x)*)(\w+)>", found[1]) if found else []
    return [(tuple(int(size) for size in sizes.split("x")[:-1]), element) for sizes, element in kinds]


def arguments_of(text: str, seed: int) -> Results | None:
    """Numbers for @main, or None where it takes what NumPy has not or too much."""
    rng = np.random.default_rng(seed)
    arrays = []
    for shape, element in _types(text):
        if element not in DTYPES or np.prod(shape, dtype=np.float64) > 1e6:
            return None
        dtype = DTYPES[element]
        if element == "i1":
            arrays.append(rng.integers(0, 2, shape).astype(dtype))
        elif dtype.kind in "iu":
            low = 0 if dtype.kind == "u" else -3
            arrays.append(rng.integers(low, 6, shape).astype(dtype))
        else:
            data = rng.standard_normal(shape)
            way = rng.integers(0, 6)
            data = np.rint(data) if way == 0 else data * 2.0 ** rng.integers(-12, 12) if way == 1 else data
            arrays.append(np.asarray(data).astype(dtype))
    return arrays


def distance(got: np.ndarray, want: np.ndarray) -> float:
    """0 where they are equal, to 1 and more where they have nothing in common; ∞ where what is not finite differs."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return np.inf
    if got.dtype.kind in "iub":
        return float(np.mean(got != want)) if got.size else 0.0
    a, b = got.astype(np.float64), want.astype(np.float64)
    if not np.array_equal(np.isnan(a), np.isnan(b)) or not np.array_equal(np.isinf(a), np.isinf(b)):
        return np.inf
    if not np.array_equal(a[np.isinf(a)], b[np.isinf(b)]):
        return np.inf
    a, b = a[np.isfinite(a)], b[np.isfinite(a)]
    largest = float(np.abs(b).max(initial=0.0))
    return float(np.abs(a - b).max(initial=0.0)) / (largest or 1.0)


def limit(array: np.ndarray) -> float:
    """How far two compilers may be apart."""
    return {"f8": 1e-8, "f4": 1e-2}.get(array.dtype.str[1:], 0.1 if array.dtype.kind in "fV" else 0.0)


def difference(index: int, got: Results, want: Results) -> str:
    far = distance(got[index].astype(want[index].dtype), want[index])
    return f"result {index}: distance {far:.2g}\ngot {got[index]}\nwant {want[index]}"


def is_generated(text: str) -> bool:
    return "func.func public @main(%v1" in text


def is_specified(text: str) -> bool:
    """Joining with what is not neutral is not: how often it is joined is open. The generator does not."""
    return "@main" in text and (is_generated(text) or "reduce" not in text)


def widened(arguments: Results) -> Results:
    """The arguments of the program in float64."""
    return [a.astype(np.float64) if a.dtype.name in ("float16", "bfloat16", "float32") else a for a in arguments]


def round_significant(array: np.ndarray, bits: int) -> np.ndarray:
    if array.dtype != np.float64:
        return array
    significand, exponent = np.frexp(array)
    return np.ldexp(np.rint(np.ldexp(significand, bits)), exponent - bits)


def scheme_of(seed: int, number: int) -> str:
    return random.Random(f"{seed} {number} scheme").choices(list(SCHEMES), list(SCHEMES.values()))[0]


def tolerance(scheme: str) -> float:
    """How far a result with a scheme may be off where roundings cost little."""
    return 2.0 ** (-3 if "quantize" in scheme else -8)


class PipelineFuzzer:
    def __init__(self) -> None:
        self._server = Server()
        self._reference = Reference()

    def close(self) -> None:
        self._server.close()
        self._reference.close()

    @functools.cached_property
    def _corpus(self) -> list[str]:
        return [text for text in seeds() if "@main" in text and len(text) < 30_000]

    @functools.cached_property
    def _weights(self) -> list[float]:
        return [1 / (500 + len(text)) for text in self._corpus]

    @functools.cached_property
    def _mutator(self) -> Mutator:
        return Mutator(random.Random(0), self._corpus)

    def text(self, seed: int, number: int) -> str:
        rng = random.Random(f"{seed} {number}")
        if rng.random() < 0.7:
            return Generator(rng, rng.choice([2, 4, 8, 15, 30])).text()
        self._mutator.reseed(rng)
        return self._mutator.gentle(rng.choices(self._corpus, self._weights)[0], rng.choice([1, 1, 2, 3]))

    def run(self, seed: int, number: int) -> Outcome:
        return self.check(self.text(seed, number), scheme_of(seed, number), number)

    def accepts(self, text: str) -> bool:
        """Whether the reference does."""
        return self._reference.accepts(text)

    def check(self, text: str, scheme: str, seed: int) -> Outcome:
        """Compiles and runs; what comes out is compared where the reference knows it."""
        arguments = arguments_of(text, seed)
        given = b"".join(a.tobytes() for a in arguments or [])
        answer = self._server.ask(RUN, text, scheme, given)
        found = find_of(answer, text, RUN, scheme, seed)
        if answer.kind == "endless" and is_generated(text):
            found = Find(text, RUN, scheme, seed, "endless: a program of counted loops")
        if found or arguments is None:
            return Outcome(answer.kind, found)
        if answer.kind == "rejected":
            if UNSUPPORTED.search(answer.message) or not self.accepts(text):
                return Outcome("rejected")
            return Outcome("refused", Find(text, RUN, scheme, seed, f"refused: {answer.message}"))
        if answer.kind != "ran" or not is_specified(text) or self._selects_openly(text, arguments, scheme):
            return Outcome(answer.kind)
        compare = self._compare_scaled if scheme else self._compare
        wrong = compare(text, scheme, arguments, list(answer.results))
        if wrong is None:
            return Outcome("equal")
        return Outcome("wrong", Find(text, RUN, scheme, seed, f"wrong: {wrong}")) if wrong else Outcome("undecided")

    def _selects_openly(self, text: str, arguments: Results, scheme: str) -> bool:
        """Whether it is open which number a window selects: ``has_ties``, or it is not known what it selects from."""
        operands = scatters(text)
        if not operands:
            return operands is None
        probe = returning(text, [(name, kind) for name, kind, _ in operands])
        if probe is None:
            return True
        runs = list(self.ways(probe, arguments, scheme)) if scheme else [self._reference.run(probe, arguments)]
        known = [run for run in runs if not isinstance(run, str)]
        return len(known) < len(runs) or any(
            has_ties([run[index] for run in known], windows, not scheme) for index, (_, _, windows) in enumerate(operands)
        )

    def _reads_nan(self, text: str, arguments: Results, in_double: bool = False) -> bool:
        """Whether what a minimum or maximum reduces has NaN in the reference, or may have it; also in float64."""
        operands = extrema(text)
        if not operands:
            return operands is None
        probe = returning(text, operands)
        if probe is None:
            return True
        runs = [self._reference.run(probe, arguments)]
        if in_double:
            runs.append(self._reference.run(in_float64(probe, *NARROW), widened(arguments)))
        return any(isinstance(run, str) or any(np.isnan(a.astype(np.float64)).any() for a in run) for run in runs)

    def ways(self, text: str, arguments: Results, scheme: str) -> Iterator[Results | str]:
        """The reference's results in float64, as the program is, and rounded to few bits in float64."""
        inputs = widened(arguments)
        wide = in_float64(text, *NARROW)
        yield self._reference.run(wide, inputs)
        yield self._reference.run(text, arguments)
        for bits in (4 if "quantize" in scheme else 11, 9):
            yield self._reference.run(rounded(wide, bits), [round_significant(a, bits) for a in inputs])

    def _compare(self, text: str, scheme: str, arguments: Results, got: Results) -> str | None:
        """What differs, None if nothing does, "" if that is not known: what hangs on a rounding is no difference."""
        want = self._reference.run(text, arguments)
        if isinstance(want, str):
            return ""
        far = [index for index, pair in enumerate(zip(got, want, strict=True)) if distance(*pair) > limit(pair[0])]
        if not far:
            return None
        if all(is_of_xla(text, got[index], want[index], lambda: self._reads_nan(text, arguments)) for index in far):
            return ""
        return difference(far[0], got, want) if self._differs_in_float64(text, arguments) else ""

    def _differs_in_float64(self, text: str, arguments: Results) -> bool:
        wide = in_float64(text)
        if wide == text:
            return True
        inputs = [a.astype(np.float64) if a.dtype == np.float32 else a for a in arguments]
        want = self._reference.run(wide, inputs)
        answer = self._server.ask(RUN, wide, "", b"".join(a.tobytes() for a in inputs))
        if isinstance(want, str):
            return False
        if answer.kind != "ran":
            return True
        return any(distance(a, b) > limit(a) for a, b in zip(answer.results, want, strict=True))

    def _compare_scaled(self, text: str, scheme: str, arguments: Results, got: Results) -> str | None:
        """As ``_compare``, with the error that roundings of the same program to few bits make in float64."""
        exact, narrow, few, fewer = self.ways(text, arguments, scheme)
        if isinstance(narrow, str) or isinstance(exact, str) or isinstance(few, str) or isinstance(fewer, str):
            return ""
        is_known = True
        for index, (ours, want, *others) in enumerate(zip(got, exact, narrow, few, fewer, strict=False)):
            with np.errstate(over="ignore"):
                others.append(want.astype(ours.dtype))  # the last rounding, to the result's own type
            if want.dtype.kind in "iub":  # any rounding may decide over it
                is_known = is_known and np.array_equal(ours, want)
                continue
            if "quantize" in scheme and not (np.isfinite(ours).all() and np.isfinite(want).all()):
                is_known = False  # E4M3FN has no infinity
                continue
            if is_of_xla(text, ours, want, lambda: self._reads_nan(text, arguments, in_double=True)):
                is_known = False
                continue
            spread = max(distance(other.astype(want.dtype), want) for other in others)
            if spread > 0.05:
                is_known = False
            elif distance(ours.astype(want.dtype), want) > max(8 * spread, tolerance(scheme)):
                return difference(index, got, exact)
        return None if is_known else ""

    def again(self, find: Find) -> Find | None:
        """The find as it is now, or None."""
        return self.check(find.text, find.scheme, find.seed).find

    def minimise(self, find: Find) -> Find:
        def still(text: str) -> bool:
            now = self.check(text, find.scheme, find.seed).find
            return now is not None and (now.key == find.key or now.message[:5] == find.message[:5] == "wrong")

        text = minimise(find.text, still, tokens=False)
        return self.check(text, find.scheme, find.seed).find or find
