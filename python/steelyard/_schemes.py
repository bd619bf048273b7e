# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Schemes: what to do to a graph between import and lowering."""

from __future__ import annotations

import dataclasses
from typing import Any

from steelyard._runtime import RECIPES

_STORAGE = {"float16": "f16", "bfloat16": "bf16"}


@dataclasses.dataclass(frozen=True)
class Scheme:
    """Base of all schemes; immutable, so that compiled code can be cached by it."""

    def pipeline(self) -> str:
        """The passes, as ``steelyard-opt --pass-pipeline`` takes them."""
        raise TypeError("use a scheme such as steelyard.Scalify")


@dataclasses.dataclass(frozen=True, init=False)
class Recipe(Scheme):
    """Operands of contractions in narrow formats; everything else in the user's types.

    Parameters
    ----------
    name : str
        ``"fp8-current"``: E4M3 weights and activations, E5M2 gradients, current per-tensor power-of-two scales.
        ``"fp8-delayed"``: the same formats, scales from the largest amax of the last ``history`` (1024) calls and
        ``margin`` (0) powers of two to spare; the histories are the compiled function's ``recipe_state``.
        ``"fp8-fixed"``: the same formats with the scale 2^``exponent`` (0) for every operand, saturating: what plain casts
        do, to compare with.
    fast_accumulate : bool
        Whether products of 8-bit operands may be summed in fewer bits than float32's: on a GPU in about 14, which is
        faster; a CPU sums in float32. Without it those alone whose ``DotAlgorithmPreset`` in the program allows it
        (``ANY_F8_ANY_F8_F32_FAST_ACCUM``).
    **options : int
        The recipe's own options.

    Raises
    ------
    ValueError
        If there is no such recipe or option, or a value is out of its range.
    """

    name: str
    options: tuple[tuple[str, int], ...]
    fast_accumulate: bool

    def __init__(self, name: str, *, fast_accumulate: bool = False, **options: int) -> None:
        if name not in RECIPES:
            raise ValueError(f"Recipe: name is one of {', '.join(map(repr, RECIPES))}, got {name!r}")
        for option, value in options.items():
            if option not in RECIPES[name]:
                known = ", ".join(RECIPES[name]) or "none"
                raise ValueError(f"Recipe: {name!r} has no option {option!r}; it has {known}")
            _, least, greatest = RECIPES[name][option]
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= greatest:
                raise ValueError(f"Recipe: {option} is an integer from {least} to {greatest}, got {value!r}")
        if not isinstance(fast_accumulate, bool):
            raise ValueError(f"Recipe: fast_accumulate is True or False, got {fast_accumulate!r}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "fast_accumulate", fast_accumulate)
        object.__setattr__(self, "options", tuple(sorted(options.items())))

    def pipeline(self) -> str:
        return self._quantize("")

    def _quantize(self, more: str) -> str:
        options = ",".join(f"{name}={value}" for name, value in self.options)
        fast = " fast-accumulate=true" if self.fast_accumulate else ""
        return f"quantize{{recipe={self.name}{' options=' + options if options else ''}{fast}{more}}}"


@dataclasses.dataclass(frozen=True)
class Scalify(Scheme):
    """Scale propagation (arXiv:2407.17353): every float tensor gets a power-of-two scale.

    Tensors of one element stay float32: they take no room, and hyperparameters and counters are among them.

    Parameters
    ----------
    storage : {"float16", "bfloat16"}
        Element type in which tensors are stored; arithmetic inside is float32.
    matmul : Recipe or {"fp8", None}
        How operands of contractions are quantised. "fp8": ``Recipe("fp8-current")``. None: they stay in ``storage``.
    state : {"scaled", "user"}
        Whether donated arguments stay (data, exponent) between calls or keep the user's type.
    state_rounding : {"stochastic", "nearest"}
        How scaled state is rounded to ``storage``. "stochastic": up with a probability equal to the fraction that is
        dropped, so that small updates add up. The key of its random bits, ``seed`` at the first call and one more in
        each, is the compiled function's ``recipe_state``; with the same key a call gives the same bits. "nearest" needs
        no key and loses updates of less than half a unit in the last place: Adam's second moment with β₂ = 0.999 stands
        still in float16.
    seed : int
        The first key; any of 64 bits.
    second_moments : {"root", "value"}
        How scaled state that averages squares, as Adam's v does, is kept: as its square root, whose
        exponents spread half as far, or as it is. A function that is called with negative numbers for such
        state is compiled again with "value", with a warning.
    observe : bool
        Whether the compiled function also gives, as its ``observed``, the exponents with which it quantised the operands
        of contractions.

    Raises
    ------
    ValueError
        If an option has another value.
    """

    storage: str = "float16"
    matmul: Recipe | str | None = "fp8"
    state: str = "scaled"
    state_rounding: str = "stochastic"
    seed: int = 0
    observe: bool = False
    second_moments: str = "root"

    def __post_init__(self) -> None:
        _check("storage", self.storage, tuple(_STORAGE))
        if not isinstance(self.matmul, Recipe):
            _check("matmul", self.matmul, ("fp8", None), ", or a steelyard.Recipe")
        _check("state", self.state, ("scaled", "user"))
        _check("state_rounding", self.state_rounding, ("nearest", "stochastic"))
        _check("second_moments", self.second_moments, ("root", "value"))
        _check("observe", self.observe, (False, True))
        if self.observe and self.matmul is None:
            raise ValueError("Scalify: observe gives the exponents of quantised operands, and matmul is None")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not -(2**63) <= self.seed < 2**63:
            raise ValueError(f"Scalify: seed is an integer of 64 bits, got {self.seed!r}")

    def pipeline(self) -> str:
        is_stochastic = self.state == "scaled" and self.state_rounding == "stochastic"
        rounding = f" state-rounding=stochastic seed={self.seed}" if is_stochastic else ""
        moments = " second-moments=value" if self.second_moments == "value" else ""
        passes = f"hoist-slices,scalify{{storage={_STORAGE[self.storage]} state={self.state}{rounding}{moments}}}"
        recipe = Recipe("fp8-current") if self.matmul == "fp8" else self.matmul
        if not isinstance(recipe, Recipe):
            return passes
        if not self.observe:
            return f"{passes},{recipe.pipeline()}"
        return f"{passes},{recipe._quantize(' observe=true')},observe-to-results"


def _check(option: str, value: Any, allowed: tuple[object, ...], more: str = "") -> None:
    if not any(isinstance(value, type(choice)) and value == choice for choice in allowed):  # 1 == True
        choices = ", ".join(repr(choice) for choice in allowed)
        raise ValueError(f"Scalify: {option} is one of {choices}{more}, got {value!r}")
