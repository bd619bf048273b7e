# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runtime library through its C ABI alone, against ml_dtypes and NumPy.

The library is `$STEELYARD_RUNTIME`, else `lib/libsteelyard_rt.so` in `$STEELYARD_BUILD` (`build` by default).
"""

import ctypes
import os
import pathlib
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ABI_VERSION = 3 << 16

# steelyard.h's element types and their ml_dtypes.
FORMATS = {
    22: np.float16,
    23: ml_dtypes.bfloat16,
    30: ml_dtypes.float8_e5m2,
    31: ml_dtypes.float8_e4m3,
    32: ml_dtypes.float8_e4m3fn,
    33: ml_dtypes.float8_e5m2fnuz,
    34: ml_dtypes.float8_e4m3fnuz,
    35: ml_dtypes.float8_e4m3b11fnuz,
    36: ml_dtypes.float8_e3m4,
    37: ml_dtypes.float8_e8m0fnu,
    40: ml_dtypes.float6_e2m3fn,
    41: ml_dtypes.float6_e3m2fn,
    42: ml_dtypes.float4_e2m1fn,
}
F64, F32 = 20, 21


# Declared here once more, not taken from steelyard._abi: these tests are a second reader of steelyard.h, so that a mistake
# in the package's structures, or a change of the ABI that only the package follows, fails here. The package's are
# held against the C compiler's in test_ahead_of_time.py.


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int32), ("message", ctypes.c_char * 1020)]


Entry = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class Function(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("entry", Entry),
        ("arena_bytes", ctypes.c_int64),
        ("argument_count", ctypes.c_int64),
        ("arguments", ctypes.c_void_p),
        ("result_count", ctypes.c_int64),
        ("results", ctypes.c_void_p),
        ("arena_tensor_count", ctypes.c_int64),
        ("arena_tensors", ctypes.c_void_p),
        ("site_count", ctypes.c_int64),
        ("sites", ctypes.c_void_p),
        ("has_checks", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    ]


class Description(ctypes.Structure):
    _fields_ = [
        ("abi_version", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("function_count", ctypes.c_int64),
        ("functions", ctypes.POINTER(Function)),
        ("target", ctypes.c_char_p),
        ("processor", ctypes.c_char_p),
        ("features", ctypes.c_char_p),
        ("image_count", ctypes.c_int64),
        ("images", ctypes.c_void_p),
        ("constant_count", ctypes.c_int64),
        ("constants", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("owner", ctypes.c_void_p),
    ]


class Gemm(ctypes.Structure):
    _fields_ = (
        [(name, ctypes.c_int64) for name in ("batch", "m", "n", "k")]
        + [("a", ctypes.c_void_p), ("a_type", ctypes.c_uint64)]
        + [("a_" + name, ctypes.c_int64) for name in ("batch_stride", "m_stride", "k_stride")]
        + [("b", ctypes.c_void_p), ("b_type", ctypes.c_uint64)]
        + [("b_" + name, ctypes.c_int64) for name in ("batch_stride", "k_stride", "n_stride")]
        + [("c", ctypes.c_void_p), ("c_type", ctypes.c_uint64)]
        + [("c_" + name, ctypes.c_int64) for name in ("batch_stride", "m_stride", "n_stride")]
        + [("accumulate", ctypes.c_int64)]
    )


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    build = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build"))
    path = os.environ.get("STEELYARD_RUNTIME", str(build / "lib" / "libsteelyard_rt.so"))
    runtime = ctypes.CDLL(path)
    for name in ("steelyard_context_create", "steelyard_executable_create"):
        getattr(runtime, name).restype = ctypes.c_void_p
    runtime.steelyard_type_name.restype = ctypes.c_char_p
    runtime.steelyard_type_name.argtypes = [ctypes.c_uint64]
    runtime.steelyard_type_bytes.restype = ctypes.c_size_t
    runtime.steelyard_type_bytes.argtypes = [ctypes.c_uint64]
    runtime.steelyard_gemm.argtypes = [ctypes.c_void_p, ctypes.POINTER(Gemm)]
    return runtime


def call(library: ctypes.CDLL, body: Callable[[int], int]) -> tuple[int, str]:
    """Runs `body(context)` as an executable's entry; its status and message."""
    error = Error()
    entry = Entry(lambda context, arena, arguments, results: body(context))
    function = Function(name=b"test", entry=entry)
    description = Description(ABI_VERSION, 0, 1, ctypes.pointer(function))
    context = ctypes.c_void_p(library.steelyard_context_create(None, ctypes.byref(error)))
    assert context, error.message
    executable = ctypes.c_void_p(library.steelyard_executable_create(ctypes.byref(description), ctypes.byref(error)))
    assert executable, error.message
    status = library.steelyard_execute(executable, ctypes.c_int64(0), context, None, None, ctypes.byref(error))
    library.steelyard_executable_destroy(executable)
    library.steelyard_context_destroy(context)
    return status, error.message.decode()


def multiply(
    library: ctypes.CDLL, a: np.ndarray, a_type: int, b: np.ndarray, b_type: int, c: np.ndarray, c_type: int
) -> tuple[int, str]:
    """c[m, n] = a[m, k] b[k, n]; strides are the arrays' own, the types are of their elements."""
    (m, k), n = a.shape, b.shape[1]

    def strides(array: np.ndarray) -> list[int]:
        return [stride // array.itemsize for stride in array.strides]

    desc = Gemm(
        *(1, m, n, k),
        *(a.ctypes.data, a_type, 0, *strides(a)),
        *(b.ctypes.data, b_type, 0, *strides(b)),
        *(c.ctypes.data, c_type, 0, *strides(c)),
        0,
    )
    return call(library, lambda context: library.steelyard_gemm(context, ctypes.byref(desc)))


@pytest.mark.parametrize("kind", FORMATS)
def test_every_code_decodes_as_ml_dtypes_says(library: ctypes.CDLL, kind: int) -> None:
    dtype = np.dtype(FORMATS[kind])
    bits = int(ml_dtypes.finfo(dtype).bits)
    codes = np.arange(1 << bits, dtype=np.uint16 if bits == 16 else np.uint8).reshape(-1, 1)
    assert library.steelyard_type_bytes(kind) == codes.itemsize
    values = np.empty((len(codes), 1), np.float32)
    status, message = multiply(library, codes, kind, np.ones((1, 1), np.float32), F32, values, F32)
    assert status == 0, message
    np.testing.assert_array_equal(values, codes.view(dtype).astype(np.float32))


def test_type_names_are_those_of_mlir(library: ctypes.CDLL) -> None:
    for kind, dtype in FORMATS.items():
        # float8_e4m3fn -> f8E4M3FN, bfloat16 -> bf16
        expected = np.dtype(dtype).name.replace("float", "f").replace("_", "").upper()
        name = library.steelyard_type_name(kind).decode()
        assert name.upper() == expected
    assert library.steelyard_type_name(32) == b"f8E4M3FN"


@pytest.mark.parametrize("order", ["CC", "CF", "FC", "FF"])
def test_contraction_of_fp8_in_any_order(library: ctypes.CDLL, order: str) -> None:
    random = np.random.default_rng(1)
    a = np.asarray(random.standard_normal((130, 300)).astype(ml_dtypes.float8_e4m3fn), order=order[0])
    b = np.asarray(random.standard_normal((300, 70)).astype(ml_dtypes.float8_e5m2), order=order[1])
    c = np.empty((130, 70), np.float32)
    status, message = multiply(library, a.view(np.uint8), 32, b.view(np.uint8), 30, c, F32)
    assert status == 0, message
    exact = a.astype(np.float64) @ b.astype(np.float64)
    bound = 302 * 2.0**-24 * (np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64)))
    assert np.all(np.abs(c - exact) <= bound)


def test_refused_types_are_named(library: ctypes.CDLL) -> None:
    x = np.ones((1, 1))
    status, message = multiply(library, x, F64, x, F32, np.empty((1, 1)), F64)
    assert status == 12
    assert "operand b of type f32 into f64" in message
