# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What lies in the arena after a call: FP8 tensors in one byte an element, FP16 in two, with the values' own bytes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import steelyard
from numpy.typing import NDArray
from steelyard import _native
from steelyard._runtime import _set_blas
from steelyard._types import DTYPES

RANDOM = np.random.default_rng(0)
# Of FP16's precision: the cast to FP8 is the only one that rounds.
X = RANDOM.normal(size=(16, 24)).astype("f2").astype("f4")
W = RANDOM.normal(size=(24, 10)).astype("f2").astype("f4")


@dataclasses.dataclass
class Tensor:
    """One of the arena's, after the call; ``kept`` says which elements no later tensor has overwritten."""

    element_type: str
    byte_size: int
    data: NDArray[Any]
    kept: NDArray[np.bool_]


def arena_after(function: Callable[..., Any], scheme: steelyard.Scheme, *arguments: NDArray[Any]) -> list[Tensor]:
    """What one call leaves in its arena."""
    _set_blas()
    text = jax.jit(function, keep_unused=True).lower(*arguments).as_text(debug_info=True)
    executable = _native.compile(text.encode(), scheme.pipeline())
    spec = executable.functions[0]
    results = [np.empty(tuple(r.shape), DTYPES[r.element_type]) for r in spec.results]
    context = _native.Context()
    executable.run(0, context, list(arguments), results)
    arena = context.arena()
    assert len(arena) >= spec.arena_size
    owner = np.full(spec.arena_size, -1)
    for index, tensor in enumerate(spec.arena_tensors):
        assert tensor.offset >= 0 and tensor.offset + tensor.byte_size <= spec.arena_size
        owner[tensor.offset : tensor.offset + tensor.byte_size] = index
    tensors = []
    for index, tensor in enumerate(spec.arena_tensors):
        place = slice(tensor.offset, tensor.offset + tensor.byte_size)
        dtype = DTYPES[tensor.element_type]
        shape = tuple(tensor.shape)
        kept = (owner[place] == index).reshape(*shape, dtype.itemsize).all(axis=-1)
        tensors.append(
            Tensor(tensor.element_type, tensor.byte_size, np.frombuffer(arena[place], dtype).reshape(shape), kept)
        )
    return tensors


def one(tensors: list[Tensor], element_type: str, shape: tuple[int, ...]) -> Tensor:
    """The only tensor of a type and shape, most of whose bytes are still there."""
    (found,) = (t for t in tensors if t.element_type == element_type and t.data.shape == shape)
    assert found.kept.mean() > 0.5
    return found


def exponents_that_fit(tensor: Tensor, value: NDArray[Any]) -> list[int]:
    """Each e for which the bytes that are left are those that ml_dtypes gives for value · 2^-e."""
    code = np.dtype(f"u{tensor.data.itemsize}")
    got = tensor.data[tensor.kept].view(code)
    with np.errstate(over="ignore"):
        wanted = {e: np.ldexp(value, -e)[tensor.kept].astype(tensor.data.dtype).view(code) for e in range(-40, 40)}
    return [e for e, want in wanted.items() if np.array_equal(got, want)]


def test_operands_of_an_fp8_product() -> None:
    tensors = arena_after(lambda x, w: x @ w, steelyard.Scalify(matmul="fp8"), X, W)
    for value in (X, W):
        tensor = one(tensors, "f8E4M3FN", value.shape)
        assert tensor.byte_size == value.size  # a byte an element
        assert tensor.data.dtype == ml_dtypes.float8_e4m3fn
        assert len(exponents_that_fit(tensor, value)) == 1


def test_operands_are_not_kept_in_a_wider_type() -> None:
    for tensor in arena_after(lambda x, w: x @ w, steelyard.Scalify(matmul="fp8"), X, W):
        assert tensor.element_type == "f8E4M3FN" or tensor.data.shape not in (X.shape, W.shape)


def test_a_gradient_in_e5m2() -> None:
    # Small integers: the product and its cotangent, 2xw, are exact before the cast.
    x, w = (RANDOM.integers(-2, 3, value.shape).astype("f4") for value in (X, W))
    tensors = arena_after(jax.grad(lambda w, x: jnp.sum((x @ w) ** 2)), steelyard.Scalify(matmul="fp8"), w, x)
    tensor = one(tensors, "f8E5M2", (16, 10))
    assert tensor.byte_size == 160
    assert len(exponents_that_fit(tensor, 2 * (x @ w))) == 1


def test_fp16_takes_two_bytes() -> None:
    tensors = arena_after(lambda x, w: x @ w, steelyard.Scalify(matmul=None), X, W)
    for value in (X, W):
        tensor = one(tensors, "f16", value.shape)
        assert tensor.byte_size == 2 * value.size
        assert exponents_that_fit(tensor, value)


def test_the_order_and_the_offsets() -> None:
    """Offsets are aligned, and tensors that meet in one product do not share bytes."""
    text = jax.jit(lambda x, w: x @ w).lower(X, W).as_text(debug_info=True)
    spec = _native.compile(text.encode(), steelyard.Scalify(matmul="fp8").pipeline()).functions[0]
    assert all(tensor.offset % 64 == 0 for tensor in spec.arena_tensors)
    x, w = (t for t in spec.arena_tensors if t.element_type == "f8E4M3FN")
    assert x.offset + x.byte_size <= w.offset or w.offset + w.byte_size <= x.offset
