# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Formats, the scalar library and compiled casts for the tests of numbers.

Everything is found in `$STEELYARD_BUILD` (`build` by default); LLVM's tools by `$LLVM_BIN` or beside `llvm-config-22`.
"""

import ctypes
import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import gfloat
import ml_dtypes
import numpy as np
import numpy.typing as npt

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build")).resolve()

Codes = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float32]


class Rule(IntEnum):
    ieee = 0
    nan_only = 1
    finite_only = 2
    negative_zero_nan = 3


class Rounding(IntEnum):
    nearest_even = 0
    toward_zero = 1
    stochastic = 2


class FormatInfo(gfloat.FormatInfo):  # type: ignore[misc]
    """gfloat's, whose own largest number is wrong in a format without normal numbers; all else is built on it."""

    @functools.cached_property
    def max(self) -> float:
        if self.expBits > 1 or self.domain == gfloat.Domain.Finite:
            return float(super().max)
        values = gfloat.decode_ndarray(self, np.arange(2**self.k))
        return float(np.max(values[np.isfinite(values)]))


@dataclass(frozen=True)
class Format:
    """A float format: sign, `e` exponent bits, `t` significand bits."""

    name: str
    e: int
    t: int
    bias: int
    rule: Rule
    ml_dtype: Any = None
    mlir_type: str | None = None

    @property
    def width(self) -> int:
        return 1 + self.e + self.t

    @property
    def storage(self) -> type[np.unsignedinteger]:
        return np.uint8 if self.width <= 8 else np.uint16

    @property
    def magnitudes(self) -> int:
        return 1 << (self.e + self.t)

    @property
    def attribute(self) -> str:
        return f"#scaled.format<e = {self.e}, t = {self.t}, bias = {self.bias}, non_finite = {self.rule.name}>"

    @functools.cached_property
    def struct(self) -> ctypes.Array[ctypes.c_int32]:
        return (ctypes.c_int32 * 4)(self.e, self.t, self.bias, self.rule)

    @functools.cached_property
    def gfloat(self) -> gfloat.FormatInfo:
        return FormatInfo(
            name=self.name,
            k=self.width,
            precision=self.t + 1,
            bias=self.bias,
            is_signed=True,
            domain=gfloat.Domain.Extended if self.rule == Rule.ieee else gfloat.Domain.Finite,
            has_nz=self.rule != Rule.negative_zero_nan,
            num_high_nans={Rule.ieee: 2**self.t - 1, Rule.nan_only: 1}.get(self.rule, 0),
            has_subnormals=True,
            is_twos_complement=False,
        )


def _mlir(name: str, e: int, t: int, bias: int, rule: Rule, dtype: Any) -> Format:
    return Format(name, e, t, bias, rule, dtype, name)


MLIR_FORMATS = [
    _mlir("f8E5M2", 5, 2, 15, Rule.ieee, ml_dtypes.float8_e5m2),
    _mlir("f8E4M3", 4, 3, 7, Rule.ieee, ml_dtypes.float8_e4m3),
    _mlir("f8E3M4", 3, 4, 3, Rule.ieee, ml_dtypes.float8_e3m4),
    _mlir("f8E4M3FN", 4, 3, 7, Rule.nan_only, ml_dtypes.float8_e4m3fn),
    _mlir("f8E5M2FNUZ", 5, 2, 16, Rule.negative_zero_nan, ml_dtypes.float8_e5m2fnuz),
    _mlir("f8E4M3FNUZ", 4, 3, 8, Rule.negative_zero_nan, ml_dtypes.float8_e4m3fnuz),
    _mlir("f8E4M3B11FNUZ", 4, 3, 11, Rule.negative_zero_nan, ml_dtypes.float8_e4m3b11fnuz),
    _mlir("f6E3M2FN", 3, 2, 3, Rule.finite_only, ml_dtypes.float6_e3m2fn),
    _mlir("f6E2M3FN", 2, 3, 1, Rule.finite_only, ml_dtypes.float6_e2m3fn),
    _mlir("f4E2M1FN", 2, 1, 1, Rule.finite_only, ml_dtypes.float4_e2m1fn),
    _mlir("f16", 5, 10, 15, Rule.ieee, np.float16),
    _mlir("bf16", 8, 7, 127, Rule.ieee, ml_dtypes.bfloat16),
]


def custom(e: int, t: int, bias: int, rule: Rule) -> Format:
    return Format(f"e{e}t{t}b{bias}_{rule.name}".replace("-", "m"), e, t, bias, rule)


# The least and the largest formats, and every relation of a format's exponents to float32's: below its normals, the
# same, at its upper end.
CUSTOM_FORMATS = [
    custom(4, 3, 9, Rule.ieee),
    custom(1, 0, 0, Rule.finite_only),
    custom(1, 0, 5, Rule.negative_zero_nan),
    custom(1, 1, 1, Rule.nan_only),
    custom(1, 2, 1, Rule.ieee),
    custom(8, 0, 128, Rule.nan_only),
    custom(8, 7, 130, Rule.ieee),
    custom(8, 7, 142, Rule.nan_only),
    custom(8, 3, 128, Rule.finite_only),
    custom(5, 10, 127, Rule.negative_zero_nan),
    custom(4, 4, 126, Rule.ieee),
    custom(6, 9, 100, Rule.nan_only),
    custom(3, 12, 80, Rule.ieee),
    custom(2, 13, -125, Rule.ieee),
    custom(1, 14, -127, Rule.ieee),
    custom(1, 14, -126, Rule.finite_only),
    custom(4, 11, -112, Rule.nan_only),
    custom(5, 2, -96, Rule.negative_zero_nan),
    custom(2, 3, 147, Rule.ieee),
]
FORMATS = MLIR_FORMATS + CUSTOM_FORMATS
by_name = {f.name: f for f in FORMATS}


def ids(f: Format) -> str:
    return f.name


# ---------------------------------------------------------------------------------------------------------------------
# The scalar library
# ---------------------------------------------------------------------------------------------------------------------


@functools.cache
def library() -> ctypes.CDLL:
    path = BUILD / "lib" / "libsteelyard_numerics_test.so"
    assert path.exists(), f"{path} is missing; build the target SteelyardNumericsTest"
    lib = ctypes.CDLL(str(path))
    lib.sy_sweep.restype = ctypes.c_int64
    lib.sy_amax_exponent.restype = ctypes.c_int32
    return lib


def pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


def validate(e: int, t: int, bias: int, rule: Rule) -> str:
    message = ctypes.create_string_buffer(512)
    library().sy_validate((ctypes.c_int32 * 4)(e, t, bias, rule), message, ctypes.c_size_t(512))
    return message.value.decode()


def random_bits(count: int, seed: int = 7) -> Codes:
    return np.random.default_rng(seed).integers(0, 2**32, count, dtype=np.uint32)


def encode(
    f: Format,
    values: npt.NDArray[Any],
    rounding: Rounding = Rounding.nearest_even,
    saturate: bool = False,
    random: Codes | None = None,
) -> Codes:
    """Codes of float32 or float64 `values` by the scalar library."""
    random = np.zeros(values.size, np.uint32) if random is None else random
    codes = np.empty(values.size, np.uint32)
    function = library().sy_encode_f64 if values.dtype == np.float64 else library().sy_encode
    function(f.struct, pointer(values), pointer(random), ctypes.c_int64(values.size), rounding, saturate, pointer(codes))
    return codes


def decode(f: Format, codes: Codes) -> Floats:
    values = np.empty(codes.size, np.float32)
    library().sy_decode(f.struct, pointer(codes), ctypes.c_int64(codes.size), pointer(values))
    return values


def all_codes(f: Format) -> Codes:
    return np.arange(2 * f.magnitudes, dtype=np.uint32)


# ---------------------------------------------------------------------------------------------------------------------
# Inputs
# ---------------------------------------------------------------------------------------------------------------------

SPECIALS = np.array(
    # zero, least and largest subnormal, least normal, one, largest, infinity, quiet and signalling NaNs
    [
        0,
        1,
        2,
        0x007FFFFF,
        0x00800000,
        0x00800001,
        0x3F800000,
        0x7F7FFFFF,
        0x7F800000,
        0x7F800001,
        0x7FC00000,
        0x7FFFFFFF,
    ],
    np.uint32,
)


@functools.cache
def boundaries(f: Format) -> Floats:
    """Every value of the format and the next ones above it, all midpoints, each ± 1 ulp, of either sign; specials."""
    least = 1 - f.bias - f.t
    magnitudes = np.arange(f.magnitudes + 2, dtype=np.int64)  # two beyond the codes: what overflows
    field, fraction = magnitudes >> f.t, magnitudes & ((1 << f.t) - 1)
    values = np.ldexp(
        np.where(field > 0, fraction + (1 << f.t), fraction).astype(np.float64), least + np.maximum(field, 1) - 1
    )
    points = np.concatenate([values, (values[1:] + values[:-1]) / 2])
    with np.errstate(over="ignore"):
        bits = points.astype(np.float32).view(np.uint32)
    bits = np.concatenate([bits, np.where(bits > 0, bits - 1, bits), bits + 1, SPECIALS])
    bits = np.unique(bits)
    return np.concatenate([bits, bits | np.uint32(1 << 31)]).view(np.float32)


def patterns(count: int = 1 << 20, seed: int = 3) -> Floats:
    return random_bits(count, seed).view(np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Compiled casts
# ---------------------------------------------------------------------------------------------------------------------


def tool(name: str) -> str:
    if name == "steelyard-opt":
        path = BUILD / "bin" / name
        assert path.exists(), f"{path} is missing; build the target steelyard-opt"
        return str(path)
    folder = os.environ.get("LLVM_BIN")
    if folder is None:
        config = shutil.which("llvm-config-22")
        folder = subprocess.check_output([config, "--bindir"], text=True).strip() if config else "/usr/lib/llvm-22/bin"
    return str(pathlib.Path(folder) / name)


def element(f: Format, as_code: bool) -> str:
    return f.mlir_type if f.mlir_type and not as_code else f"i{8 * f.storage().itemsize}"


def loop(name: str, source: str, target: str, body: str, lanes: int = 0) -> str:
    """A function over memrefs (input, random bits, output); `body` makes %q of %x and %r."""
    if lanes:
        parts = {k: f"vector<{lanes}x{v}>" for k, v in (("x", source), ("r", "i32"), ("q", target))}
        load = (
            f"%x = vector.load %in[%i] : memref<?x{source}>, {parts['x']}\n"
            f"%r = vector.load %random[%i] : memref<?xi32>, {parts['r']}"
        )
        store = f"vector.store %q, %out[%i] : memref<?x{target}>, {parts['q']}"
    else:
        load = f"%x = memref.load %in[%i] : memref<?x{source}>\n%r = memref.load %random[%i] : memref<?xi32>"
        store = f"memref.store %q, %out[%i] : memref<?x{target}>"
    return f"""
func.func @{name}(%in: memref<?x{source}>, %random: memref<?xi32>, %out: memref<?x{target}>) {{
  %c0 = arith.constant 0 : index
  %step = arith.constant {lanes or 1} : index
  %n = memref.dim %in, %c0 : memref<?x{source}>
  scf.for %i = %c0 to %n step %step {{
    {load}
    {body}
    {store}
  }}
  return
}}"""


def cast(source: Format | str, target: Format | str, rounding: Rounding, saturate: bool, lanes: int, codes: bool) -> str:
    """The text of one scaled.cast from %x to %q."""
    attributes = []
    if rounding != Rounding.nearest_even:
        attributes.append(f"rounding = #scaled.rounding<{rounding.name}>")
    if saturate:
        attributes.append("saturate")
    types = []
    for side, key in ((source, "source_format"), (target, "result_format")):
        if isinstance(side, str):
            types.append(side)
            continue
        types.append(element(side, codes))
        if types[-1].startswith("i"):
            attributes.append(f"{key} = {side.attribute}")
    shaped = [f"vector<{lanes}x{t}>" if lanes else t for t in [*types, "i32"]]
    stochastic = rounding == Rounding.stochastic
    return (
        f"%q = scaled.cast %x {'random %r ' if stochastic else ''}{{{', '.join(attributes)}}} : "
        f"{shaped[0]}{', ' + shaped[2] if stochastic else ''} -> {shaped[1]}"
    )


def encode_name(f: Format, rounding: Rounding, saturate: bool, source: str = "f32") -> str:
    return f"encode_{source}_{f.name}_{rounding.name}{'_saturate' if saturate else ''}"


MODES = [(rounding, saturate) for rounding in Rounding for saturate in (False, True)]


def is_byte_float(f: Format) -> bool:
    """Whether the format's MLIR type is stored in whole bytes, as LLVM's vectoriser wants it."""
    return f.mlir_type is not None and f.width in (8, 16)


def casts_module(formats: list[Format], source: str = "f32") -> str:
    """All casts of the formats from `source` and to float32, in loops over scalars."""
    functions = []
    for f in formats:
        as_code = not is_byte_float(f)
        storage = element(f, as_code)
        for rounding, saturate in MODES:
            body = cast(source, f, rounding, saturate, 0, as_code)
            functions.append(loop(encode_name(f, rounding, saturate, source), source, storage, body))
        if source == "f32":
            body = cast(f, "f32", Rounding.nearest_even, False, 0, as_code)
            functions.append(loop(f"decode_{f.name}", storage, "f32", body))
    return "\n".join(functions)


LOWERING = [
    "-convert-vector-to-scf",
    "-convert-scf-to-cf",
    "-expand-strided-metadata",
    "-convert-vector-to-llvm",
    "-convert-arith-to-llvm",
    "-convert-index-to-llvm",
    "-finalize-memref-to-llvm",
    "-convert-func-to-llvm",
    "-convert-cf-to-llvm",
    "-reconcile-unrealized-casts",
]


def run(command: list[str], text: str) -> str:
    result = subprocess.run(command, check=False, input=text, capture_output=True, text=True)
    assert result.returncode == 0, f"{command[0]} failed:\n{result.stderr[:4000]}"
    return result.stdout


def to_llvm(module: str) -> str:
    text = run([tool("steelyard-opt"), "-convert-scaled-cast-to-arith", "-verify-no-arith-on-small-floats"], module)
    text = run([tool("mlir-opt"), *LOWERING], text)
    return run([tool("mlir-translate"), "--mlir-to-llvmir"], text)


def compile_module(module: str, cpu: str = "native") -> ctypes.CDLL:
    """A shared library of an MLIR module for an instruction set; kept in the build folder by its LLVM IR."""
    llvm = to_llvm(module)
    folder = BUILD / "test" / "numerics"
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(f"{cpu}\n{llvm}".encode()).hexdigest()[:16]
    path = folder / f"casts-{cpu}-{key}.so"
    if not path.exists():
        partial = folder / f"{path.name}.{os.getpid()}"
        run(
            [tool("clang"), "-x", "ir", "-", "-O3", f"-march={cpu}", "-shared", "-fPIC", "-w", "-o", str(partial)],
            llvm,
        )
        partial.rename(path)
    return ctypes.CDLL(str(path))


def call(compiled: ctypes.CDLL, name: str, values: npt.NDArray[Any], random: Codes | None, out_type: Any) -> Any:
    """Runs a compiled loop."""
    random = np.zeros(values.size, np.uint32) if random is None else random
    out = np.empty(values.size, out_type)
    library().sy_call(getattr(compiled, name), pointer(values), pointer(random), pointer(out), ctypes.c_int64(values.size))
    return out


def supports(cpu: str) -> bool:
    """Whether this machine runs code for `cpu`."""
    if cpu == "native":
        return True
    flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    return all(flag in flags for flag in {"haswell": ("avx2", "fma", "f16c", "bmi2")}[cpu])
