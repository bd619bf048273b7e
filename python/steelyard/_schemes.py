# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Schemes: what to do to a graph between import and lowering."""

from __future__ import annotations

import dataclasses

_STORAGE = {"float16": "f16", "bfloat16": "bf16"}


@dataclasses.dataclass(frozen=True)
class Scheme:
    """Base of all schemes; immutable, so that compiled code can be cached by it."""

    def pipeline(self) -> str:
        """The passes, as ``steelyard-opt --pass-pipeline`` takes them."""
        raise TypeError("use a scheme such as steelyard.Scalify")


@dataclasses.dataclass(frozen=True)
class Scalify(Scheme):
    """Scale propagation (arXiv:2407.17353): every float tensor gets a power-of-two scale.

    Parameters
    ----------
    storage : {"float16", "bfloat16"}
        Element type in which tensors are stored; arithmetic inside is float32.
    matmul : {"fp8", None}
        "fp8": operands of contractions are quantised to E4M3 (weights, activations) and E5M2 (gradients)
        with current per-tensor power-of-two scales. None: they stay in ``storage``.
    state : {"scaled", "user"}
        Whether donated arguments stay (data, exponent) between calls or keep the user's type.

    Raises
    ------
    ValueError
        If an option has another value.
    """

    storage: str = "float16"
    matmul: str | None = "fp8"
    state: str = "scaled"

    def __post_init__(self) -> None:
        _check("storage", self.storage, tuple(_STORAGE))
        _check("matmul", self.matmul, ("fp8", None))
        _check("state", self.state, ("scaled", "user"))

    def pipeline(self) -> str:
        passes = f"scalify{{storage={_STORAGE[self.storage]} state={self.state}}}"
        if self.matmul == "fp8":
            passes += ",quantize{recipe=fp8-current}"
        return passes


def _check(option: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        choices = ", ".join(repr(choice) for choice in allowed)
        raise ValueError(f"Scalify: {option} is one of {choices}, got {value!r}")
