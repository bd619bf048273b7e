# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled casts give the scalar library's bits: for AVX2, and for everything this machine has."""

import ctypes
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support import (
    FORMATS,
    MLIR_FORMATS,
    MODES,
    Format,
    Rounding,
    Rule,
    all_codes,
    boundaries,
    by_name,
    call,
    cast,
    casts_module,
    compile_module,
    custom,
    decode,
    encode,
    encode_name,
    ids,
    library,
    loop,
    patterns,
    pointer,
    random_bits,
    run,
    supports,
    to_llvm,
    tool,
)
from test_round import DELTAS, e8m0, ml_dtypes_codes

CPUS = ["haswell", "native"]


@pytest.fixture(scope="module", params=CPUS)
def cpu(request: pytest.FixtureRequest) -> str:
    if not supports(request.param):
        pytest.skip(f"this machine does not run {request.param}'s code")
    return str(request.param)


@pytest.fixture(scope="module")
def casts(cpu: str) -> ctypes.CDLL:
    return compile_module(casts_module(FORMATS), cpu)


def inputs(f: Format) -> npt.NDArray[np.float32]:
    return np.concatenate([boundaries(f), patterns(1 << 18)])


@pytest.mark.parametrize("f", FORMATS, ids=ids)
def test_encodes(casts: ctypes.CDLL, f: Format) -> None:
    values = inputs(f)
    random = random_bits(values.size)
    for rounding, saturate in MODES:
        got = call(casts, encode_name(f, rounding, saturate), values, random, f.storage)
        np.testing.assert_array_equal(got, encode(f, values, rounding, saturate, random), f"{rounding.name} {saturate}")


@pytest.mark.parametrize("f", FORMATS, ids=ids)
def test_extreme_random_bits(casts: ctypes.CDLL, f: Format) -> None:
    values = inputs(f)
    for bits in (0, 1, 0xFFFFFFFE, 0xFFFFFFFF):
        random = np.full(values.size, bits, np.uint32)
        for saturate in (False, True):
            got = call(casts, encode_name(f, Rounding.stochastic, saturate), values, random, f.storage)
            np.testing.assert_array_equal(got, encode(f, values, Rounding.stochastic, saturate, random))


@pytest.mark.parametrize("f", MLIR_FORMATS, ids=ids)
def test_nearest_as_ml_dtypes(casts: ctypes.CDLL, f: Format) -> None:
    values = inputs(f)
    got = call(casts, encode_name(f, Rounding.nearest_even, False), values, None, f.storage)
    np.testing.assert_array_equal(got, ml_dtypes_codes(f, values))


@pytest.mark.parametrize("f", FORMATS, ids=ids)
def test_decodes(casts: ctypes.CDLL, f: Format) -> None:
    # Bytes with bits above the code as well.
    codes = np.arange(np.iinfo(f.storage).max + 1, dtype=f.storage)
    got = call(casts, f"decode_{f.name}", codes, None, np.float32)
    np.testing.assert_array_equal(got.view(np.uint32), decode(f, codes.astype(np.uint32)).view(np.uint32))


@pytest.mark.parametrize("f", FORMATS, ids=ids)
def test_flushed_subnormals_change_nothing(casts: ctypes.CDLL, f: Format) -> None:
    def flushing(name: str, values: npt.NDArray[Any], random: npt.NDArray[Any], out_type: Any) -> npt.NDArray[Any]:
        out = np.empty(values.size, out_type)
        arguments = [pointer(a) for a in (values, random, out)]
        if not library().sy_call_flushing(getattr(casts, name), *arguments, ctypes.c_int64(values.size)):
            pytest.skip("this processor has no mode to flush subnormals")
        return out

    values = np.concatenate([boundaries(f), boundaries(by_name["bf16"])])
    random = random_bits(values.size)
    for rounding, saturate in MODES:
        want = encode(f, values, rounding, saturate, random)
        np.testing.assert_array_equal(flushing(encode_name(f, rounding, saturate), values, random, f.storage), want)
    codes = all_codes(f).astype(f.storage)
    want = decode(f, all_codes(f)).view(np.uint32)
    got = flushing(f"decode_{f.name}", codes, random_bits(codes.size), np.float32)
    np.testing.assert_array_equal(got.view(np.uint32), want)


WIDE = [by_name[n] for n in ("f8E5M2", "f8E4M3FN", "f8E4M3FNUZ", "f4E2M1FN", "f16", "bf16")] + [
    f for f in FORMATS if f.mlir_type is None
]


@pytest.fixture(scope="module")
def wide_casts(cpu: str) -> ctypes.CDLL:
    return compile_module(casts_module(WIDE, "f64"), cpu)


@pytest.mark.parametrize("f", WIDE, ids=ids)
def test_encodes_float64(wide_casts: ctypes.CDLL, f: Format) -> None:
    near = inputs(f)[: 1 << 19].astype(np.float64)
    odd = np.array([1e300, -1e300, 5e-324, -5e-324, 1e-310, np.inf, -np.inf, np.nan, 2.0**128, 0.0, -0.0])
    values = np.concatenate([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf), odd])
    random = random_bits(values.size)
    for rounding, saturate in MODES:
        got = call(wide_casts, encode_name(f, rounding, saturate, "f64"), values, random, f.storage)
        np.testing.assert_array_equal(got, encode(f, values, rounding, saturate, random), f"{rounding.name} {saturate}")


# ---------------------------------------------------------------------------------------------------------------------
# Other shapes and types of a cast
# ---------------------------------------------------------------------------------------------------------------------

LANES = 16
FROM_TO = [
    (by_name["f8E5M2"], by_name["f8E4M3FN"]),
    (by_name["f8E4M3FN"], by_name["f8E4M3FNUZ"]),
    (by_name["f16"], by_name["f8E5M2"]),
    (by_name["bf16"], by_name["f8E4M3FN"]),
    (by_name["bf16"], by_name["f16"]),
    (by_name["f16"], by_name["bf16"]),
    (by_name["f8E4M3B11FNUZ"], by_name["f16"]),
    (custom(4, 3, 9, Rule.ieee), by_name["f8E3M4"]),
    (by_name["f6E3M2FN"], by_name["f4E2M1FN"]),
]


def other_casts() -> str:
    functions = []
    for f in MLIR_FORMATS:
        # Vectors, and for fewer than 8 bits MLIR's own types one a byte.
        body = cast("f32", f, Rounding.nearest_even, True, LANES, f.width < 8)
        storage = f"i{8 * f.storage().itemsize}" if f.width < 8 else f.mlir_type
        functions.append(loop(f"vector_{f.name}", "f32", str(storage), body, LANES))
        if f.width < 8:
            body = cast("f32", f, Rounding.nearest_even, True, 0, False)
            functions.append(loop(f"own_{f.name}", "f32", str(f.mlir_type), body))
            body = cast(f, "f32", Rounding.nearest_even, True, 0, False)
            functions.append(loop(f"own_decode_{f.name}", str(f.mlir_type), "f32", body))
        if f.width < 16:
            body = f"%q = arith.truncf %x : f32 to {f.mlir_type}"
            functions.append(loop(f"truncf_{f.name}", "f32", str(f.mlir_type), body))
            body = f"%q = arith.truncf %x to_nearest_even : f64 to {f.mlir_type}"
            functions.append(loop(f"truncf64_{f.name}", "f64", str(f.mlir_type), body))
            body = f"%q = arith.extf %x : {f.mlir_type} to f32"
            functions.append(loop(f"extf_{f.name}", str(f.mlir_type), "f32", body))
            body = f"%q = arith.extf %x : {f.mlir_type} to f64"
            functions.append(loop(f"extf64_{f.name}", str(f.mlir_type), "f64", body))
    for i, (a, b) in enumerate(FROM_TO):
        as_code = a.mlir_type is None or a.width < 8
        sides = [f"i{8 * f.storage().itemsize}" if as_code else str(f.mlir_type) for f in (a, b)]
        functions.append(loop(f"between_{i}", sides[0], sides[1], cast(a, b, Rounding.nearest_even, True, 0, as_code)))
    functions.append(loop("truncf_bf16", "f32", "bf16", "%q = arith.truncf %x : f32 to bf16"))
    functions.append(loop("truncf64_bf16", "f64", "bf16", "%q = arith.truncf %x : f64 to bf16"))
    functions.append(loop("truncf64_f16", "f64", "f16", "%q = arith.truncf %x : f64 to f16"))
    functions.append(loop("zero_f8E4M3FN", "f32", "f8E4M3FN", "%q = arith.truncf %x toward_zero : f32 to f8E4M3FN"))
    for source in ("f32", "f64"):
        for saturate in (False, True):
            name = f"e8m0_{source}{'_saturate' if saturate else ''}"
            attribute = "{saturate} " if saturate else ""
            body = f"%q = scaled.cast %x {attribute}: {source} -> f8E8M0FNU"
            functions.append(loop(name, source, "f8E8M0FNU", body))
    functions.append(loop("e8m0_decode", "f8E8M0FNU", "f32", "%q = scaled.cast %x : f8E8M0FNU -> f32"))
    for rounding, saturate in MODES:
        functions.append(
            loop(encode_name_f32(rounding, saturate), "f64", "f32", cast("f64", "f32", rounding, saturate, 0, False))
        )
    functions.append(loop("clip_f32", "f32", "f32", "%q = scaled.cast %x {saturate} : f32 -> f32"))
    functions.append(loop("clip_f64", "f32", "f64", "%q = scaled.cast %x {saturate} : f32 -> f64"))
    return "\n".join(functions)


def encode_name_f32(rounding: Rounding, saturate: bool) -> str:
    return f"f64_to_f32_{rounding.name}{'_saturate' if saturate else ''}"


@pytest.fixture(scope="module")
def others(cpu: str) -> ctypes.CDLL:
    return compile_module(other_casts(), cpu)


def whole(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """As many values as whole vectors have."""
    return np.ascontiguousarray(values[: values.size // LANES * LANES])


@pytest.mark.parametrize("f", MLIR_FORMATS, ids=ids)
def test_vectors(others: ctypes.CDLL, f: Format) -> None:
    values = whole(inputs(f))
    want = encode(f, values, saturate=True)
    np.testing.assert_array_equal(call(others, f"vector_{f.name}", values, None, f.storage), want)
    if f.width < 8:
        np.testing.assert_array_equal(call(others, f"own_{f.name}", values, None, np.uint8), want)
        codes = all_codes(f).astype(np.uint8)
        got = call(others, f"own_decode_{f.name}", codes, None, np.float32)
        np.testing.assert_array_equal(got.view(np.uint32), decode(f, all_codes(f)).view(np.uint32))


@pytest.mark.parametrize("f", [f for f in MLIR_FORMATS if f.width < 16], ids=ids)
def test_conversions_of_arith(others: ctypes.CDLL, f: Format) -> None:
    values = inputs(f)
    np.testing.assert_array_equal(call(others, f"truncf_{f.name}", values, None, np.uint8), encode(f, values))
    wide = values.astype(np.float64)
    wide = np.concatenate([wide, np.nextafter(wide, np.inf)])
    np.testing.assert_array_equal(call(others, f"truncf64_{f.name}", wide, None, np.uint8), encode(f, wide))
    codes = all_codes(f).astype(np.uint8)
    want = decode(f, all_codes(f))
    np.testing.assert_array_equal(call(others, f"extf_{f.name}", codes, None, np.float32), want)
    np.testing.assert_array_equal(call(others, f"extf64_{f.name}", codes, None, np.float64), want)


def test_conversions_of_arith_to_16_bits(others: ctypes.CDLL) -> None:
    for f in (by_name["bf16"], by_name["f16"]):
        wide = inputs(f).astype(np.float64)
        wide = np.concatenate([wide, np.nextafter(wide, np.inf)])
        np.testing.assert_array_equal(call(others, f"truncf64_{f.name}", wide, None, np.uint16), encode(f, wide))
    values = inputs(by_name["bf16"])
    got = call(others, "truncf_bf16", values, None, np.uint16)
    np.testing.assert_array_equal(got, encode(by_name["bf16"], values))
    f = by_name["f8E4M3FN"]
    got = call(others, "zero_f8E4M3FN", values, None, np.uint8)
    np.testing.assert_array_equal(got, encode(f, values, Rounding.toward_zero))


@pytest.mark.parametrize("index", range(len(FROM_TO)))
def test_between_formats(others: ctypes.CDLL, index: int) -> None:
    a, b = FROM_TO[index]
    codes = all_codes(a)
    got = call(others, f"between_{index}", codes.astype(a.storage), None, b.storage)
    np.testing.assert_array_equal(got, encode(b, decode(a, codes), saturate=True))


def test_e8m0(others: ctypes.CDLL) -> None:
    values = np.concatenate([boundaries(by_name["bf16"]), patterns()])
    wide = np.concatenate([values.astype(np.float64), [1e300, 2.0**128, -1e300, 1e-300, 5e-324, -5e-324]])
    for saturate in (False, True):
        suffix = "_saturate" if saturate else ""
        np.testing.assert_array_equal(call(others, f"e8m0_f32{suffix}", values, None, np.uint8), e8m0(values, saturate))
        np.testing.assert_array_equal(call(others, f"e8m0_f64{suffix}", wide, None, np.uint8), e8m0(wide, saturate))
    codes = np.arange(256, dtype=np.uint32)
    want = np.empty(256, np.float32)
    library().sy_decode_e8m0(pointer(codes), ctypes.c_int64(256), pointer(want))
    np.testing.assert_array_equal(call(others, "e8m0_decode", codes.astype(np.uint8), None, np.float32), want)


def test_float64_to_float32(others: ctypes.CDLL) -> None:
    near = patterns(1 << 18).astype(np.float64)
    values = np.concatenate([near, near * (1 + 2.0**-24), np.nextafter(near, np.inf), [1e300, -1e-310, np.inf, -np.inf]])
    values = values[~np.isnan(values)]
    largest = np.finfo(np.float32).max
    with np.errstate(over="ignore"):
        nearest = values.astype(np.float32)
    bits = nearest.view(np.uint32)
    beyond = (np.abs(nearest.astype(np.float64)) > np.abs(values)) & np.isfinite(values)
    toward_zero = np.where(beyond, bits - 1, bits).astype(np.uint32).view(np.float32)
    clipped = np.clip(nearest, -largest, largest)
    zero_clipped = np.clip(toward_zero, -largest, largest)
    for rounding, saturate, want in [
        (Rounding.nearest_even, False, nearest),
        (Rounding.nearest_even, True, clipped),
        (Rounding.toward_zero, False, toward_zero),
        (Rounding.toward_zero, True, zero_clipped),
    ]:
        got = call(others, encode_name_f32(rounding, saturate), values, None, np.float32)
        np.testing.assert_array_equal(got, want)
    # No bits: toward zero. All bits: away, unless exact in 2^-32 ulp.
    zeros = np.zeros(values.size, np.uint32)
    got = call(others, encode_name_f32(Rounding.stochastic, True), values, zeros, np.float32)
    np.testing.assert_array_equal(got, zero_clipped)


def test_saturating_float32(others: ctypes.CDLL) -> None:
    values = np.array([np.inf, -np.inf, 1.5, -0.0, 3.4028235e38, np.nan], np.float32)
    largest = np.finfo(np.float32).max
    want = np.array([largest, -largest, 1.5, -0.0, largest, np.nan], np.float32)
    np.testing.assert_array_equal(call(others, "clip_f32", values, None, np.float32), want)
    want64 = want.astype(np.float64)
    want64[:2] = [np.finfo(np.float64).max, -np.finfo(np.float64).max]
    np.testing.assert_array_equal(call(others, "clip_f64", values, None, np.float64), want64)


# ---------------------------------------------------------------------------------------------------------------------
# Powers of two
# ---------------------------------------------------------------------------------------------------------------------


def rescales() -> str:
    functions = []
    for source in ("f32", "f64", "f16", "bf16", "f8E4M3FN"):
        for lanes in (0, LANES):
            shaped = f"vector<{lanes}x{source}>" if lanes else source
            body = f"%d = memref.load %random[%c0] : memref<?xi32>\n%q = scaled.rescale %x, %d : {shaped}, i32"
            functions.append(loop(f"rescale_{source}_{lanes}", source, source, body, lanes))
    for source in ("f32", "f64"):
        body = f"""%d = memref.load %random[%c0] : memref<?xi32>
          %f:3 = scaled.rescale_factors %d : {source}
          %a = arith.mulf %x, %f#0 : {source}
          %b = arith.mulf %a, %f#1 : {source}
          %q = arith.mulf %b, %f#2 : {source}"""
        functions.append(loop(f"factors_{source}_0", source, source, body, 0))
    return "\n".join(functions)


@pytest.fixture(scope="module")
def rescaling(cpu: str) -> ctypes.CDLL:
    return compile_module(rescales(), cpu)


@pytest.mark.parametrize("lanes", [0, LANES])
@pytest.mark.parametrize("delta", DELTAS)
def test_rescale(rescaling: ctypes.CDLL, delta: int, lanes: int) -> None:
    lib = library()
    values = whole(np.concatenate([boundaries(by_name["f16"])[::7], patterns(1 << 14)]))
    random = np.full(values.size, delta & 0xFFFFFFFF, np.uint32)
    for source, function in ((values, lib.sy_rescale), (values.astype(np.float64), lib.sy_rescale_f64)):
        name = f"rescale_f{8 * source.itemsize}_{lanes}"
        got = call(rescaling, name, source, random, source.dtype)
        want = np.empty_like(source)
        function(pointer(source), ctypes.c_int64(source.size), ctypes.c_int32(delta), pointer(want))
        unsigned = f"u{source.itemsize}"
        np.testing.assert_array_equal(got.view(unsigned), want.view(unsigned))
        got = call(rescaling, f"factors_f{8 * source.itemsize}_0", source, random, source.dtype)
        np.testing.assert_array_equal(got.view(unsigned), want.view(unsigned))
    # Narrower floats: one rounding to them.
    for f in (by_name["f16"], by_name["bf16"], by_name["f8E4M3FN"]):
        codes = whole(all_codes(f))
        with np.errstate(all="ignore"):
            exact = np.ldexp(decode(f, codes).astype(np.float64), np.int32(delta))
        got = call(rescaling, f"rescale_{f.mlir_type}_{lanes}", codes.astype(f.storage), random, f.storage)
        np.testing.assert_array_equal(got, encode(f, exact))


# ---------------------------------------------------------------------------------------------------------------------
# Form
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["haswell", "znver4"])
def test_every_loop_is_vectorised(target: str) -> None:
    module = casts_module(FORMATS)
    command = [tool("opt"), "-O3", f"-mcpu={target}", "-mtriple=x86_64-pc-linux-gnu", "-S"]
    optimised = run(command, to_llvm(module))
    functions = re.findall(r"^define .*? @(\w+)\(.*?^}", optimised, re.MULTILINE | re.DOTALL)
    bodies = re.findall(r"^define .*?^}", optimised, re.MULTILINE | re.DOTALL)
    assert len(functions) == len(FORMATS) * (len(MODES) + 1)
    scalar = [name for name, body in zip(functions, bodies, strict=True) if not re.search(r"store <\d+ x ", body)]
    assert not scalar
    # No table: nothing in memory but the arguments.
    assert not re.search(r"^@\w+ = .*constant", optimised, re.MULTILINE)
