# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rounding by the scalar library against ml_dtypes and gfloat."""

import ctypes
from typing import Any

import gfloat
import numpy as np
import numpy.typing as npt
import pytest
from support import (
    FORMATS,
    MLIR_FORMATS,
    Codes,
    Format,
    Rounding,
    Rule,
    boundaries,
    decode,
    encode,
    ids,
    library,
    patterns,
    pointer,
    random_bits,
)

MODE = {
    Rounding.nearest_even: gfloat.RoundMode.TiesToEven,
    Rounding.toward_zero: gfloat.RoundMode.TowardZero,
    # delta + bits / 2^n >= 1
    Rounding.stochastic: gfloat.RoundMode.StochasticFastest,
}


def ml_dtypes_codes(f: Format, values: npt.NDArray[np.float32]) -> npt.NDArray[np.unsignedinteger]:
    """By ml_dtypes; numpy's own half keeps a NaN's payload, which is dropped here."""
    with np.errstate(all="ignore"):
        codes = values.astype(f.ml_dtype).view(f.storage)
    if f.ml_dtype == np.float16:
        codes = np.where(np.isnan(values), (codes & 0x8000) | 0x7E00, codes)
    return codes


@pytest.mark.parametrize("f", MLIR_FORMATS, ids=ids)
def test_nearest_as_ml_dtypes(f: Format) -> None:
    for values in (boundaries(f), patterns()):
        np.testing.assert_array_equal(encode(f, values), ml_dtypes_codes(f, values))


def expected(
    f: Format, values: npt.NDArray[np.float64], rounding: Rounding, saturate: bool, random: Codes | None = None
) -> npt.NDArray[np.float64]:
    """The rounded values by gfloat, which has no answer where a format without NaN needs one."""
    options: dict[str, Any] = {}
    if rounding == Rounding.stochastic:
        assert random is not None
        options = {"srbits": random.astype(np.int64), "srnumbits": 32}
    if f.rule != Rule.finite_only:
        return np.asarray(gfloat.round_ndarray(f.gfloat, values, MODE[rounding], saturate, **options))
    # As ml_dtypes: overflow stops, NaN is a zero of the other sign.
    number = ~np.isnan(values)
    results = np.where(np.signbit(values), 0.0, -0.0)
    if options:
        options["srbits"] = options["srbits"][number]
    results[number] = gfloat.round_ndarray(f.gfloat, values[number], MODE[rounding], True, **options)
    return results


def check(f: Format, values: npt.NDArray[Any], rounding: Rounding, saturate: bool, random: Codes | None = None) -> None:
    got = decode(f, encode(f, values, rounding, saturate, random)).astype(np.float64)
    want = expected(f, values.astype(np.float64), rounding, saturate, random)
    np.testing.assert_array_equal(got, want)
    number = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(want)[number])


@pytest.mark.parametrize("saturate", [False, True])
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("f", FORMATS, ids=ids)
def test_modes_as_gfloat(f: Format, rounding: Rounding, saturate: bool) -> None:
    for values in (boundaries(f), patterns(1 << 16)):
        check(f, values, rounding, saturate, random_bits(values.size))


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("f", FORMATS, ids=ids)
def test_float64_rounds_once(f: Format, rounding: Rounding) -> None:
    # What float32 would round to a tie first.
    near = boundaries(f).astype(np.float64)
    values = np.concatenate([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf), [1e300, -1e-320]])
    for saturate in (False, True):
        check(f, values, rounding, saturate, random_bits(values.size))


@pytest.mark.parametrize("saturate", [False, True])
@pytest.mark.parametrize("f", FORMATS, ids=ids)
def test_monotonic(f: Format, saturate: bool) -> None:
    values = np.concatenate([boundaries(f), patterns(1 << 18)])
    values = np.sort(values[~np.isnan(values)])
    for rounding in Rounding:
        for random in (0, 1, 0x80000000, 0xDEADBEEF, 0xFFFFFFFF):
            bits = np.full(values.size, random, np.uint32)
            rounded = decode(f, encode(f, values, rounding, saturate, bits))
            rounded = rounded[~np.isnan(rounded)]  # overflow, at both ends
            assert np.all(rounded[1:] >= rounded[:-1])
            if rounding != Rounding.stochastic:
                break


def stochastic_points(f: Format) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Numbers k + fraction of an ulp above a code, subnormals and the one below overflow included, with the fraction."""
    generator = np.random.default_rng(11)
    values = decode(f, np.arange(f.magnitudes, dtype=np.uint32)).astype(np.float64)
    values = values[np.isfinite(values)]
    low = np.concatenate([values[:4], values[-2:], generator.choice(values, 12)])
    ulp = np.exp2(np.maximum(np.floor(np.log2(np.maximum(low, 1e-300))), 1 - f.bias) - f.t)
    fraction = np.round(generator.uniform(size=low.size) * 256) / 256
    with np.errstate(over="ignore"):
        points = (low + fraction * ulp).astype(np.float32)
    exact = points.astype(np.float64) == low + fraction * ulp
    return points[exact], fraction[exact]


@pytest.mark.parametrize("f", FORMATS, ids=ids)
def test_stochastic_law(f: Format) -> None:
    # P(up) = fraction: the share of ups among n draws within five standard deviations, and its complement for negative
    # numbers alike.
    n = 1 << 14
    points, fractions = stochastic_points(f)
    assert points.size > 2 or 1 - f.bias - f.t == -149  # float32 has nothing between the values of that one
    for sign in (1, -1):
        for seed, (x, fraction) in enumerate(zip(points, fractions, strict=True)):
            random = random_bits(n, seed)
            got = encode(f, np.full(n, sign * x, np.float32), Rounding.stochastic, True, random) & (f.magnitudes - 1)
            low = encode(f, np.array([abs(x)], np.float32), Rounding.toward_zero, True)[0]
            limit = encode(f, np.array([np.inf], np.float32), saturate=True)[0]
            ups = np.minimum(low + 1, limit) != low
            assert set(np.unique(got)) <= {low, low + ups}
            if ups:
                assert abs(np.mean(got != low) - fraction) <= 5 * np.sqrt(fraction * (1 - fraction) / n)
    # Exactly: of all 2^32 draws fraction * 2^32 go up, the largest ones.
    for x, fraction in zip(points, fractions, strict=True):
        threshold = round((1 - fraction) * 2**32)
        draws = np.array([max(threshold - 1, 0), min(threshold, 2**32 - 1)], np.uint32)
        code = encode(f, np.full(2, x, np.float32), Rounding.stochastic, True, draws)
        low = encode(f, np.full(2, x, np.float32), Rounding.toward_zero, True)
        if 0 < fraction < 1 and low[0] != encode(f, np.array([np.inf], np.float32), saturate=True)[0]:
            assert (code - low).tolist() == [0, 1]


def test_stochastic_overflow() -> None:
    f = FORMATS[3]  # f8E4M3FN: 448, the next would be 480, NaN is 0x7f
    n = 1 << 14
    codes = encode(f, np.full(n, 456, np.float32), Rounding.stochastic, False, random_bits(n))
    assert set(np.unique(codes)) == {0x7E, 0x7F}
    assert abs(np.mean(codes == 0x7F) - 0.25) < 0.02
    codes = encode(f, np.full(n, 480, np.float32), Rounding.stochastic, False, random_bits(n))
    assert set(np.unique(codes)) == {0x7F}


# ---------------------------------------------------------------------------------------------------------------------
# E8M0, powers of two
# ---------------------------------------------------------------------------------------------------------------------


def e8m0(values: npt.NDArray[Any], saturate: bool) -> Codes:
    codes = np.empty(values.size, np.uint32)
    function = library().sy_encode_e8m0_f64 if values.dtype == np.float64 else library().sy_encode_e8m0
    function(pointer(values), ctypes.c_int64(values.size), saturate, pointer(codes))
    return codes


@pytest.mark.parametrize("wide", [np.float32, np.float64])
def test_e8m0_is_the_floor_of_the_exponent(wide: type) -> None:
    values: npt.NDArray[Any] = np.abs(patterns(1 << 16)).astype(wide)
    values = values[np.isfinite(values)]
    want = np.where(values == 0, 0, np.maximum(np.frexp(values)[1] - 1 + 127, 0))
    for saturate in (False, True):
        np.testing.assert_array_equal(e8m0(values, saturate), want)


def test_e8m0_edges() -> None:
    values = np.array([0.0, -0.0, 1e-45, -1e-45, -1.0, np.nan, -np.nan, -np.inf, 1.0, 1.99, 3e38], np.float32)
    want = [0, 0, 0, 255, 255, 255, 255, 255, 127, 127, 254]
    for saturate in (False, True):
        assert e8m0(values, saturate).tolist() == want
    infinity = np.array([np.inf], np.float32)
    assert [e8m0(infinity, s)[0] for s in (False, True)] == [255, 254]
    large = np.array([2.0**128, 2.0**127, 1e300, 1e-300], np.float64)
    assert e8m0(large, False).tolist() == [255, 254, 255, 0]
    assert e8m0(large, True).tolist() == [254, 254, 254, 0]


DELTAS = [
    0,
    1,
    -1,
    24,
    -24,
    126,
    127,
    128,
    -125,
    -126,
    -127,
    -149,
    -150,
    -151,
    150,
    254,
    277,
    278,
    -276,
    -277,
    -278,
    -300,
]
DELTAS += [2**31 - 1, -(2**31), 2**20, -(2**20), 2**21, -(2**21), 1023, -1022, -1074, 2100, -2100]


@pytest.mark.parametrize("delta", DELTAS)
def test_rescale_rounds_once(delta: int) -> None:
    # numpy's ldexp calls the C library's.
    inputs: list[npt.NDArray[Any]] = [patterns(1 << 14), boundaries(FORMATS[10]), patterns(1 << 14).astype(np.float64)]
    for values in inputs:
        got = np.empty_like(values)
        function = library().sy_rescale_f64 if values.dtype == np.float64 else library().sy_rescale
        function(pointer(values), ctypes.c_int64(values.size), ctypes.c_int32(delta), pointer(got))
        with np.errstate(all="ignore"):
            want = np.ldexp(values, np.int32(delta))
        np.testing.assert_array_equal(got, want)
        number = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(want)[number])


def amax_exponent(values: list[float]) -> int:
    array = np.array(values, np.float32)
    return int(library().sy_amax_exponent(pointer(array), ctypes.c_int64(array.size)))


def test_amax_exponent() -> None:
    least = -(2**20)
    assert amax_exponent([]) == least
    assert amax_exponent([0.0, -0.0]) == least
    assert amax_exponent([np.nan, np.inf, -np.inf]) == least
    assert amax_exponent([np.nan, -3.0, 0.5, np.inf]) == 1
    assert amax_exponent([1e-45]) == -149
    values = patterns(1 << 12)
    finite = values[np.isfinite(values) & (values != 0)]
    for x in finite:
        assert amax_exponent([float(x)]) == np.frexp(np.abs(x).astype(np.float64))[1] - 1
    assert amax_exponent(finite.tolist()) == np.frexp(np.max(np.abs(finite)).astype(np.float64))[1] - 1
