# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The oracle of value tests: JAX's own float64 results with every operation's result rounded to 11 significant bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np


def round_significant(value: Any, bits: int = 11) -> Any:
    """To nearest, ties to even, with no limit of the exponent but float64's."""
    if jax.dtypes.issubdtype(getattr(value, "dtype", None), jax.dtypes.extended):
        return value  # keys of jax.random
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return value
    significand, exponent = np.frexp(array.astype(np.float64))
    with np.errstate(over="ignore"):
        rounded = np.ldexp(np.rint(np.ldexp(significand, bits)), exponent - bits)
    return np.where(np.isinf(rounded), array, rounded)  # float64's greatest numbers, which masks are made of


class Rounding(NamedTuple):
    """Significant bits of each result, and of what contractions read; None: those of float64."""

    results: int | None
    operands: int | None


def evaluate(
    function: Callable[..., Any], arguments: tuple[Any, ...], bits: int | None, operands: int | None = None
) -> list[Any]:
    """Runs a function primitive by primitive in float64.

    ``bits`` rounds each float result, ``operands`` those of contractions and convolutions as well; None does not.
    """
    rounding = Rounding(bits, operands)
    with jax.enable_x64(True):
        wide = jax.tree.map(
            lambda a: np.asarray(a, np.float64) if np.asarray(a).dtype.kind == "f" else np.asarray(a), arguments
        )
        closed = jax.make_jaxpr(function)(*wide)
        return _run(closed.jaxpr, closed.consts, jax.tree.leaves(wide), rounding)


def _run(jaxpr: Any, consts: list[Any], arguments: list[Any], rounding: Rounding) -> list[Any]:
    values: dict[Any, Any] = {}

    def finish(value: Any) -> Any:
        return value if rounding.results is None else round_significant(value, rounding.results)

    def read(atom: Any) -> Any:
        return finish(atom.val) if hasattr(atom, "val") else values[atom]

    values.update(zip(jaxpr.constvars, map(finish, consts), strict=True))
    values.update(zip(jaxpr.invars, map(finish, arguments), strict=True))
    for equation in jaxpr.eqns:
        inputs = [read(atom) for atom in equation.invars]
        inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
        if equation.primitive.name in _CONTROL_FLOW:
            results = _CONTROL_FLOW[equation.primitive.name](equation.params, inputs, rounding)
        elif inner is not None:
            closed = inner if hasattr(inner, "consts") else None
            results = _run(closed.jaxpr if closed else inner, closed.consts if closed else [], inputs, rounding)
        else:
            if rounding.operands is not None and equation.primitive.name in _CONTRACTIONS:
                inputs = [round_significant(operand, rounding.operands) for operand in inputs]
            results = equation.primitive.bind(*inputs, **equation.params)
            results = results if equation.primitive.multiple_results else [results]
        values.update(zip(equation.outvars, map(finish, results), strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _call(closed: Any, inputs: list[Any], rounding: Rounding) -> list[Any]:
    return _run(closed.jaxpr, closed.consts, inputs, rounding)


def _scan(params: dict[str, Any], inputs: list[Any], rounding: Rounding) -> list[Any]:
    first, last = params["num_consts"], params["num_consts"] + params["num_carry"]
    consts, carry, sequences = inputs[:first], inputs[first:last], inputs[last:]
    stacks: list[list[Any]] = []
    steps = range(params["length"])
    for step in reversed(steps) if params["reverse"] else steps:
        results = _call(params["jaxpr"], [*consts, *carry, *(xs[step] for xs in sequences)], rounding)
        carry = results[: params["num_carry"]]
        stacks.append(results[params["num_carry"] :])
    if params["reverse"]:
        stacks.reverse()
    return [*carry, *(np.stack(stack) for stack in zip(*stacks, strict=True))]


def _while(params: dict[str, Any], inputs: list[Any], rounding: Rounding) -> list[Any]:
    first, second = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
    carry = inputs[second:]
    while np.any(goes_on := np.asarray(_call(params["cond_jaxpr"], [*inputs[:first], *carry], rounding)[0])):
        following = _call(params["body_jaxpr"], [*inputs[first:second], *carry], rounding)
        # A batched condition: those that have ended keep what they have.
        spread = [goes_on.reshape(goes_on.shape + (1,) * (np.ndim(c) - goes_on.ndim)) for c in carry]
        carry = [np.where(s, f, c) for s, f, c in zip(spread, following, carry, strict=True)]
    return carry


def _cond(params: dict[str, Any], inputs: list[Any], rounding: Rounding) -> list[Any]:
    branches = params["branches"]
    return _call(branches[min(max(int(inputs[0]), 0), len(branches) - 1)], inputs[1:], rounding)


_CONTRACTIONS = ("dot_general", "conv_general_dilated")
_CONTROL_FLOW = {"scan": _scan, "while": _while, "cond": _cond}


def error(got: Any, want: Any) -> float:
    """‖got - want‖ / ‖want‖ in float64."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    norm = np.linalg.norm(want.ravel())
    return float(np.linalg.norm((got - want).ravel()) / norm) if norm else float(np.linalg.norm(got.ravel()))
