# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The arrays that a function of JAX is called with, as compiled code takes them."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from steelyard._device import DeviceArray, taken
from steelyard._errors import SteelyardError
from steelyard._memory import Device
from steelyard._state import ScaledArray
from steelyard._types import ELEMENT_TYPES

PYTHON_NUMBERS = frozenset((bool, int, float, complex))


@functools.lru_cache(maxsize=256)
def _traced_as(dtype: np.dtype[Any], is_x64: bool) -> np.dtype[Any] | None:
    """The type that JAX traces an array of this type as; None where the compiler does not know it."""
    native = dtype.newbyteorder("=")
    if native not in ELEMENT_TYPES and native.kind != "c":
        return None
    return jax.dtypes.canonicalize_dtype(native)


def leaf_of(value: Any, device: Device | None = None) -> Any:
    """An array of a type and layout that compiled code reads, or a ScaledArray; no copy where it is one already.

    Where code runs on a device, what lies there stays there.
    """
    if isinstance(value, ScaledArray):
        return value
    if device and (there := _there(value, device)) is not None:
        return there
    array = value if isinstance(value, np.ndarray) else _array(value)
    config: Any = jax.config
    # JAX traces 64-bit types as 32-bit ones unless jax_enable_x64 is set: the data have to follow.
    dtype = _traced_as(array.dtype, config.jax_enable_x64)
    if dtype is None:
        raise TypeError(f"has dtype {array.dtype}, which the compiler does not know")
    flags = array.flags
    if array.dtype == dtype and flags.c_contiguous and flags.aligned:
        return array
    return np.require(array, dtype, ("C", "A"))


def _there(value: Any, device: Device) -> DeviceArray | None:
    """What lies on the device."""
    if type(value) in PYTHON_NUMBERS or isinstance(value, jax.core.Tracer):
        return None
    array = taken(jax.random.key_data(value) if is_key(value) else value, device)
    config: Any = jax.config
    if array is not None and _traced_as(array.dtype, config.jax_enable_x64) != array.dtype:
        raise TypeError(
            f"has dtype {array.dtype} on the device, which JAX traces only with jax_enable_x64: convert it first"
        )
    return array


def is_key(value: Any) -> bool:
    """A typed key of jax.random, or several. Compiled code sees their bits."""
    return isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)


def _array(value: Any) -> NDArray[Any]:
    if type(value) in PYTHON_NUMBERS:
        return np.asarray(value, jnp.result_type(value))
    if isinstance(value, jax.core.Tracer):
        raise SteelyardError(
            "is traced by JAX: a function compiled by steelyard.jit is called with arrays, "
            "not from inside of jax.jit, jax.grad or jax.vmap"
        )
    if is_key(value):
        return np.asarray(jax.random.key_data(value))
    if hasattr(value, "__array__"):
        return np.asarray(value)
    if hasattr(value, "__dlpack__"):
        return np.from_dlpack(value)
    raise TypeError(f"is a {type(value).__name__}; arrays, numbers and pytrees of them are accepted")


def at_argument(error: Exception, arguments: Any, device: Device | None) -> Exception:
    """The error of the first leaf that can't be read, with its path."""
    for path, value in jax.tree_util.tree_flatten_with_path(arguments)[0]:
        try:
            leaf_of(value, device)
        except (SteelyardError, TypeError) as raised:
            return type(raised)(f"argument {jax.tree_util.keystr(path)} {raised}")
    return error
