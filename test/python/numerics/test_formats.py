# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Formats as data, and what every code of every format means."""

import ctypes

import gfloat
import ml_dtypes
import numpy as np
import pytest
from gfloat.formats import format_info_ocp_e8m0
from support import (
    FORMATS,
    MLIR_FORMATS,
    Format,
    Rounding,
    Rule,
    all_codes,
    decode,
    encode,
    ids,
    library,
    pointer,
    validate,
)


@pytest.mark.parametrize("f", FORMATS, ids=ids)
def test_valid(f: Format) -> None:
    assert validate(f.e, f.t, f.bias, f.rule) == ""


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ((0, 3, 7, Rule.ieee), "1 to 8 exponent bits, got e = 0"),
        ((9, 3, 7, Rule.ieee), "1 to 8 exponent bits, got e = 9"),
        ((4, -1, 7, Rule.ieee), "at most 16 bits"),
        ((4, 12, 7, Rule.ieee), "at most 16 bits: 1 + e + t with e = 4 and t = 12"),
        ((2**31 - 1, 2**31 - 1, 7, Rule.ieee), "1 to 8 exponent bits"),
        ((4, 2**31 - 1, 7, Rule.ieee), "at most 16 bits"),
        ((4, 0, 7, Rule.ieee), "needs a significand bit"),
        ((1, 0, 0, Rule.nan_only), "no finite number but zero"),
        ((8, 7, 126, Rule.ieee), "bias 126 puts values of the format outside of float32"),
        ((8, 7, 127, Rule.nan_only), "outside of float32"),
        ((8, 7, 144, Rule.ieee), "outside of float32"),
        ((4, 3, 2**31 - 1, Rule.ieee), "outside of float32"),
        ((4, 3, -(2**31), Rule.ieee), "outside of float32"),
    ],
)
def test_invalid(parameters: tuple[int, int, int, Rule], message: str) -> None:
    assert message in validate(*parameters)


@pytest.mark.parametrize("f", FORMATS, ids=ids)
def test_describes_itself(f: Format) -> None:
    codes, values = np.zeros(4, np.uint32), np.zeros(3, np.float32)
    library().sy_describe(f.struct, pointer(codes), pointer(values))
    assert values[0] == f.gfloat.max
    assert codes[3].view(np.int32) == np.floor(np.log2(f.gfloat.max))
    assert values[2] == f.gfloat.smallest_subnormal
    assert decode(f, codes[:1])[0] == values[0]
    if f.ml_dtype is not None:
        info = ml_dtypes.finfo(f.ml_dtype)
        assert values.tolist() == [float(info.max), float(info.smallest_normal), float(info.smallest_subnormal)]
        beyond = np.array([np.inf, np.nan], np.float32).astype(f.ml_dtype).view(f.storage)
        assert codes[1:3].tolist() == beyond.tolist()


@pytest.mark.parametrize("f", MLIR_FORMATS, ids=ids)
def test_decodes_as_ml_dtypes(f: Format) -> None:
    codes = all_codes(f)
    got = decode(f, codes)
    want = codes.astype(f.storage).view(f.ml_dtype).astype(np.float32)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


@pytest.mark.parametrize("f", FORMATS, ids=ids)
def test_decodes_as_gfloat(f: Format) -> None:
    codes = all_codes(f)
    got = decode(f, codes)
    want = gfloat.decode_ndarray(f.gfloat, codes.astype(np.int64))
    np.testing.assert_array_equal(got.astype(np.float64), want)
    number = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(want)[number])


@pytest.mark.parametrize("f", FORMATS, ids=ids)
@pytest.mark.parametrize("wide", [np.float32, np.float64])
def test_values_come_back(f: Format, wide: type) -> None:
    codes = all_codes(f)
    values = decode(f, codes)
    number = ~np.isnan(values)
    for rounding in Rounding:
        for saturate in (False, True):
            random = np.full(codes.size, 0xFFFFFFFF, np.uint32)
            finite = np.isfinite(values) if saturate else number
            back = encode(f, values.astype(wide), rounding, saturate, random)
            np.testing.assert_array_equal(back[finite], codes[finite])


def test_ignores_bits_above_the_code() -> None:
    f = FORMATS[9]
    np.testing.assert_array_equal(decode(f, all_codes(f)), decode(f, all_codes(f) | np.uint32(0xABC0)))


def test_e8m0_decodes_as_ml_dtypes() -> None:
    codes = np.arange(256, dtype=np.uint32)
    got = np.empty(256, np.float32)
    library().sy_decode_e8m0(pointer(codes), ctypes.c_int64(256), pointer(got))
    want = codes.astype(np.uint8).view(ml_dtypes.float8_e8m0fnu).astype(np.float32)
    np.testing.assert_array_equal(got, want)
    want = [gfloat.decode_float(format_info_ocp_e8m0, code).fval for code in range(256)]
    np.testing.assert_array_equal(got.astype(np.float64), want)
