# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Adam's second moment in float16: an exponential average that stops moving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import steelyard

from workloads.functions import Functions

BETA2 = 0.999
STEPS = 2000
START, TARGET = 1.12, 2.0
SIZE = 1000


def average(v: Any, g: Any) -> Any:
    """As Adam writes it: seen to be never negative, so Scalify keeps its square root."""
    return BETA2 * v + (1 - BETA2) * g * g


def increment(v: Any, g: Any) -> Any:
    """The same number, written so that its sign can't be seen: Scalify keeps it as it is."""
    return v + (1 - BETA2) * (g * g - v)


def start() -> tuple[Any, Any]:
    """v before the first step, and g."""
    return np.full(SIZE, START, np.float32), np.full(SIZE, np.sqrt(TARGET), np.float32)


def run(step: Callable[[Any, Any], Any]) -> float:
    """The mean of v after all steps."""
    v, g = start()
    for _ in range(STEPS):
        v = step(v, g)
    return float(np.mean(np.asarray(v, np.float64)))


def contenders(made: Functions) -> dict[str, Any]:
    """Compiled steps by how v is kept."""

    def scheme(rounding: str) -> Callable[[], steelyard.Scheme]:
        return lambda: steelyard.Scalify(matmul=None, state_rounding=rounding)

    functions: dict[str, tuple[Any, Callable[[], steelyard.Scheme] | None]] = {
        "float32": (increment, None),
        "v in float16, nearest": (increment, scheme("nearest")),
        "√v in float16, nearest": (average, scheme("nearest")),
        "v in float16, stochastic": (increment, scheme("stochastic")),
        "√v in float16, stochastic": (average, scheme("stochastic")),
    }
    return {
        name: made.jit(f"moments, {name.replace('√', 'root of ')}", function, how, donate_argnums=0)
        for name, (function, how) in functions.items()
    }


def study(made: Functions) -> dict[str, float]:
    """v ← β₂ v + (1 - β₂) g² for 2,000 compiled steps from 1.12 with g² = 2, by how v is kept in float16.

    A step of the average is (1 - β₂)(g² - v), at first 0.00088; float16 numbers in [1, 2) are 2⁻¹⁰ = 0.00098 apart.
    Rounding to nearest stops where a step is less than half of that, whatever the scale of the tensor. The root of v
    lies in the same binade and makes steps half as large, so it stops too: what it saves is range. Rounding with
    probability equal to the fraction keeps the average right.
    """
    exact = {"exact": TARGET - (TARGET - START) * BETA2**STEPS}
    return exact | {name: run(step) for name, step in contenders(made).items()}


def table(results: dict[str, float]) -> str:
    lines = [f"Adam's v after {STEPS} steps from {START} with g² = {TARGET} (β₂ = {BETA2}), mean of {SIZE:,}"]
    return "\n".join(lines + [f"  {name:28s} {value:.4f}" for name, value in results.items()])


if __name__ == "__main__":
    print(table(study(Functions())))
