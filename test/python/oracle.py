# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The oracle of value tests: JAX's own float64 results with every operation's result rounded to 11 significant bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def round_significant(value: Any, bits: int = 11) -> Any:
    """To nearest, ties to even, without any limit of the exponent."""
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return value
    significand, exponent = np.frexp(array.astype(np.float64))
    return np.ldexp(np.rint(np.ldexp(significand, bits)), exponent - bits)


def evaluate(function: Callable[..., Any], arguments: tuple[Any, ...], bits: int | None) -> list[Any]:
    """Runs a function primitive by primitive in float64; ``bits`` rounds each float result, None does not."""
    with jax.enable_x64(True):
        wide = jax.tree.map(
            lambda a: np.asarray(a, np.float64) if np.asarray(a).dtype.kind == "f" else np.asarray(a), arguments
        )
        closed = jax.make_jaxpr(function)(*wide)
        return _run(closed.jaxpr, closed.consts, jax.tree.leaves(wide), bits)


def _run(jaxpr: Any, consts: list[Any], arguments: list[Any], bits: int | None) -> list[Any]:
    values: dict[Any, Any] = {}

    def finish(value: Any) -> Any:
        return value if bits is None else round_significant(value, bits)

    def read(atom: Any) -> Any:
        return finish(atom.val) if hasattr(atom, "val") else values[atom]

    values.update(zip(jaxpr.constvars, map(finish, consts), strict=True))
    values.update(zip(jaxpr.invars, map(finish, arguments), strict=True))
    for equation in jaxpr.eqns:
        inputs = [read(atom) for atom in equation.invars]
        inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
        if inner is not None:
            closed = inner if hasattr(inner, "consts") else None
            results = _run(closed.jaxpr if closed else inner, closed.consts if closed else [], inputs, bits)
        else:
            results = equation.primitive.bind(*inputs, **equation.params)
            results = results if equation.primitive.multiple_results else [results]
        values.update(zip(equation.outvars, map(finish, results), strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def error(got: Any, want: Any) -> float:
    """‖got - want‖ / ‖want‖ in float64."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    norm = np.linalg.norm(want.ravel())
    return float(np.linalg.norm((got - want).ravel()) / norm) if norm else float(np.linalg.norm(got.ravel()))
