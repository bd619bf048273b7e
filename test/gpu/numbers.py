# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Elementary functions and casts on a GPU: what they are given, and what is right. Needs NumPy alone.

Functions are held to float64, of 2^22 float32: half of them of any bits, half where the function is neither 0 nor infinite.
Casts have to give the CPU target's bits, which ``gpu.prepare_numbers`` leaves as checksums of blocks.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import math
import pathlib
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import steelyard

Array = np.ndarray[Any, Any]

COUNT = 1 << 22
BLOCK = 1024  # elements of one checksum
SMALLEST_NORMAL, LARGEST = 2.0**-126, float(np.finfo(np.float32).max)

# Patterns of float32: zeros, subnormals, the least and the largest normal numbers, infinities, NaNs quiet and signalling.
SPECIALS = (0, 1, 0x7FFFFF, 0x800000, 0x3F800000, 0x3F800001, 0x40490FDB, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000)


def words(count: int, seed: int) -> Array:
    """32 bits each that look random and are the same everywhere: the finaliser of MurmurHash3 of the index."""
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) + np.uint32((seed * 0x9E3779B9) & 0xFFFFFFFF)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
        return np.asarray(x ^ (x >> np.uint32(16)))


def patterns(count: int, seed: int) -> Array:
    """float32 of any bits, special ones of either sign first."""
    bits = words(count, seed)
    special = np.array([*SPECIALS, *(pattern | 1 << 31 for pattern in SPECIALS)], np.uint32)
    bits[: special.size] = special
    return bits.view(np.float32)


def between(low: float, high: float, count: int, seed: int) -> Array:
    return (low + (high - low) * (words(count, seed) / 2.0**32)).astype(np.float32)


# --- Elementary functions ------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Function:
    """An elementary function.

    Attributes
    ----------
    operation : str
        StableHLO's or CHLO's.
    oracle : callable
        In float64.
    interval : float, float
        Where half of the arguments are. None: they are of any magnitude.
    ulp : float
        The bound: 3 units in the last place; of the two of libdevice that NVIDIA gives more ("CUDA C++ Programming Guide",
        "Mathematical Functions": 4 and 3 beside the rounded result), that.
    """

    operation: str
    oracle: Callable[..., Any]
    interval: tuple[float, float] | None = None
    ulp: float = 3.0
    arity: int = 1


def _logistic(x: Array) -> Any:
    return 1 / (1 + np.exp(-x))


def _erf(x: Array) -> Any:
    return np.frompyfunc(math.erf, 1, 1)(x).astype(np.float64)


FUNCTIONS = {
    "tanh": Function("stablehlo.tanh", np.tanh, (-12, 12)),
    "exp": Function("stablehlo.exponential", np.exp, (-104, 89)),
    "logistic": Function("stablehlo.logistic", _logistic, (-104, 40)),
    "log": Function("stablehlo.log", np.log, (0, 3)),
    "log1p": Function("stablehlo.log_plus_one", np.log1p, (-1, 4)),
    "expm1": Function("stablehlo.exponential_minus_one", np.expm1, (-18, 89)),
    "sin": Function("stablehlo.sine", np.sin, (-100, 100)),
    "cos": Function("stablehlo.cosine", np.cos, (-100, 100)),
    "erf": Function("chlo.erf", _erf, (-5, 5)),
    "rsqrt": Function("stablehlo.rsqrt", lambda x: 1 / np.sqrt(x)),
    "sqrt": Function("stablehlo.sqrt", np.sqrt),
    "cbrt": Function("stablehlo.cbrt", np.cbrt),
    "pow": Function("stablehlo.power", np.power, ulp=4.5, arity=2),
    "atan2": Function("stablehlo.atan2", np.arctan2, ulp=3.5, arity=2),
}


def function_text(function: Function) -> str:
    kind = f"tensor<{COUNT}xf32>"
    arguments = ", ".join(f"%{a}: {kind}" for a in "xy"[: function.arity])
    operands = ", ".join(f"%{a}" for a in "xy"[: function.arity])
    types = f"{kind} -> {kind}" if function.operation.startswith("chlo.") else kind
    return (
        f"func.func @main({arguments}) -> {kind} {{\n%r = {function.operation} {operands} : {types}\nreturn %r : {kind}\n}}"
    )


def function_arguments(name: str) -> list[Array]:
    function, half = FUNCTIONS[name], COUNT // 2
    first = patterns(half, 1)
    if name == "pow":  # x^y between 2^-150 and 2^128, nearly: y is up to so many times 1 / log2 x
        x = np.abs(patterns(half, 2))
        with np.errstate(all="ignore"):
            y = (between(-150, 128, half, 3).astype(np.float64) / np.log2(x.astype(np.float64))).astype(np.float32)
        return [np.concatenate([first, x]), np.concatenate([patterns(half, 4), y])]
    if name == "atan2":  # of like magnitudes
        x = patterns(half, 2)
        with np.errstate(all="ignore"):
            y = x * np.exp2(between(-12, 12, half, 3)) * np.where(words(half, 5) & 1, np.float32(1), np.float32(-1))
        return [np.concatenate([first, x]), np.concatenate([patterns(half, 4), y])]
    if function.interval:
        return [np.concatenate([first, between(*function.interval, half, 2)])]
    return [np.concatenate([first, np.abs(patterns(half, 2))])]


def check_function(name: str, got: Array, arguments: list[Array]) -> tuple[float, float, list[str]]:
    """The largest error in ulp, that of subnormal results in 2^-149, and what is wrong.

    A result of less than 2^-126 may be flushed; infinite is what is larger than the largest number, give or take the bound.
    """
    function, faults = FUNCTIONS[name], []
    with np.errstate(all="ignore"):
        want = np.asarray(function.oracle(*(a.astype(np.float64) for a in arguments)), np.float64)
        size = np.abs(want)
        wide = got.astype(np.float64)
        at_the_end = np.abs(size / LARGEST - 1) < function.ulp * 2.0**-23
        unit = np.spacing(size.astype(np.float32)).astype(np.float64)
        distance = np.abs(wide - want)

    def fault(wrong: Array, what: str) -> None:
        where = np.flatnonzero(wrong)
        if where.size:
            i = where[0]
            given = ", ".join(f"{float(a[i])!r}" for a in arguments)
            faults.append(f"{what}: {where.size} times, first {name}({given}) = {got[i]!r}, in float64 {want[i]!r}")

    fault(np.isnan(wide) != np.isnan(want), "NaN or not")
    fault((size > LARGEST) & ~at_the_end & (wide != np.copysign(np.inf, want)), "not infinite")
    signed = (want == 0) & (arguments[0] == 0) & (wide == 0)
    fault(signed & (np.signbit(wide) != np.signbit(want)), "the sign of a zero")
    normal = (size >= SMALLEST_NORMAL) & (size <= LARGEST) & ~at_the_end
    ulps = np.where(normal, distance / np.where(normal, unit, 1), 0)
    fault(~(ulps <= function.ulp), f"more than {function.ulp} ulp")
    least = np.where(size < SMALLEST_NORMAL, distance, 0)
    fault(~(least <= SMALLEST_NORMAL), "a subnormal result")
    return float(np.nanmax(ulps)), float(np.nanmax(least)) * 2.0**149, faults


# --- Casts ---------------------------------------------------------------------------------------------------------------

EIGHT_BITS = ("f8E5M2", "f8E4M3", "f8E3M4", "f8E4M3FN", "f8E5M2FNUZ", "f8E4M3FNUZ", "f8E4M3B11FNUZ")
WIDE = ("f32", "f16", "bf16")
WIDTHS = {"f32": 32, "f16": 16, "bf16": 16}
ROUNDINGS = ("nearest_even", "toward_zero", "stochastic")
#: From, to.
CASTS = [
    *((source, target) for source in WIDE for target in (*EIGHT_BITS, "f16", "bf16") if source != target),
    *((source, target) for source in EIGHT_BITS for target in WIDE),
    ("f16", "f32"),
    ("bf16", "f32"),
]


def mode(rounding: str, saturate: bool) -> str:
    return rounding + ("_saturating" if saturate else "")


def cast_count(source: str) -> int:
    """2^22 float32; each code of a type of 16 bits sixteen times, with other random bits; each of 8 bits as often."""
    return {32: COUNT, 16: 16 << 16, 8: 16 << 8}[WIDTHS.get(source, 8)]


def cast_codes(source: str) -> Array:
    count = cast_count(source)
    if source == "f32":
        return patterns(count, 1).view(np.uint32)
    width = WIDTHS.get(source, 8)
    codes = np.tile(np.arange(1 << width, dtype=np.uint32), count >> width)
    return codes.astype(f"u{width // 8}")


def casts_text(source: str, target: str) -> str:
    """A function each of the ways to round, of codes and, to round stochastically, random bits."""
    functions = []
    count = cast_count(source)
    x, r, q = (f"tensor<{count}x{element}>" for element in (source, "i32", target))
    for rounding in ROUNDINGS:
        for saturate in (False, True):
            attributes = [] if rounding == "nearest_even" else [f"rounding = #scaled.rounding<{rounding}>"]
            attributes += ["saturate"] if saturate else []
            random = ("random %r ", f", {r}", f", %r: {r}") if rounding == "stochastic" else ("", "", "")
            functions.append(
                f"func.func @{mode(rounding, saturate)}(%x: {x}{random[2]}) -> {q} {{\n"
                f"%q = scaled.cast %x {random[0]}{{{', '.join(attributes)}}} : {x}{random[1]} -> {q}\nreturn %q : {q}\n}}"
            )
    return "\n".join(functions)


def run_casts(library: Any, source: str) -> dict[str, Array]:
    """Codes of the results, by mode."""
    codes, random = cast_codes(source), words(cast_count(source), 7).view(np.int32)
    results = {}
    for name, function in library.items():
        given = [codes.view(function.arguments[0].dtype), random][: len(function.arguments)]
        results[name] = with_one_nan(np.asarray(function(*given)[0]))
    return results


def with_one_nan(result: Array) -> Array:
    """Codes, one for all NaN, whose sign and payload are the processor's where float16 is converted (IEEE 754, 6.2)."""
    codes = result.view(f"u{result.itemsize}").copy()
    codes[np.isnan(result.astype(np.float32))] = -1 % (1 << 8 * result.itemsize)
    return codes


def checksums(result: Array) -> Array:
    data, size = result.tobytes(), BLOCK * result.itemsize
    return np.array([zlib.crc32(data[start : start + size]) for start in range(0, len(data), size)], np.uint32)


def check_casts(results: dict[str, Array], want: dict[str, Array], source: str) -> list[str]:
    faults = []
    for name, expected in want.items():
        got = results[name]
        wrong = np.flatnonzero(checksums(got) != expected)
        if wrong.size:
            start = int(wrong[0]) * BLOCK
            given = [hex(code) for code in cast_codes(source)[start : start + 8]]
            codes = [hex(code) for code in got[start : start + 8]]
            faults.append(
                f"{name}: {wrong.size} of {expected.size} blocks of {BLOCK} differ from the CPU's, the first from element "
                f"{start} on, where {', '.join(given)}, ... became {', '.join(codes)}, ..."
            )
    return faults


# --- Libraries -----------------------------------------------------------------------------------------------------------


def check(path: pathlib.Path) -> tuple[dict[str, float], list[str]]:
    """Figures of one library, and what is wrong; called in a process of its own."""
    kind, *names = path.stem.split("-")
    library = steelyard.load(path)
    if kind == "function":
        arguments = function_arguments(names[0])
        ulp, subnormal, faults = check_function(names[0], np.asarray(library(*arguments)[0]), arguments)
        return {"ulp": ulp, "subnormal results, 2^-149": subnormal}, faults
    want = np.load(path.with_suffix(".npz"))
    results = run_casts(library, names[0])
    return {"results": sum(r.size for r in results.values())}, check_casts(results, dict(want), names[0])


def run(folder: pathlib.Path, workers: int) -> bool:
    """Checks all libraries in a folder, prints a line each and writes numbers.json there."""
    from gpu.run import run_process

    paths = sorted(folder.glob("*.so"))
    rows, wrong = [], 0
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for path, (status, text) in zip(paths, pool.map(lambda p: run_process("check-numbers", p), paths), strict=True):
            first, _, rest = text.partition("\n")
            wrong += status != 0
            try:
                figures = json.loads(first)
            except json.JSONDecodeError:  # it did not come so far
                figures, rest = {}, text
            rows.append({"name": path.stem, "is_right": status == 0} | figures)
            print(f"{path.stem:32s}{', '.join(f'{name} {value:.6g}' for name, value in figures.items())}")
            if status:
                print(rest)
    (folder / "numbers.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{len(paths) - wrong} of {len(paths)} libraries of functions and casts are right")
    return bool(paths) and not wrong
