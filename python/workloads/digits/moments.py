# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Adam's second moment in float16: an exponential average that stops moving."""

from __future__ import annotations

import numpy as np

BETA2 = 0.999
STEPS = 2000
START, TARGET = 1.12, 2.0


def study(seed: int = 0) -> dict[str, float]:
    """v ← β₂ v + (1 - β₂) g² for 2,000 steps from 1.12 with g² = 2, by how v is rounded to float16 after each.

    A step of the average is (1 - β₂)(g² - v), at first 0.00088; float16 numbers in [1, 2) are 2⁻¹⁰ = 0.00098 apart.
    Rounding to nearest stops where a step is less than half of that, whatever the scale of the tensor; rounding with
    probability equal to the fraction keeps the average right.
    """
    random = np.random.default_rng(seed)
    exact, nearest = START, np.float16(START)
    stochastic = np.full(1000, START, np.float32).astype(np.float16)
    for _ in range(STEPS):
        exact = BETA2 * exact + (1 - BETA2) * TARGET
        nearest = np.float16(np.float32(BETA2) * np.float32(nearest) + np.float32(1 - BETA2) * np.float32(TARGET))
        wide = (BETA2 * stochastic.astype(np.float32) + (1 - BETA2) * TARGET).astype(np.float32)
        bits = wide.view(np.uint32) + random.integers(0, 1 << 13, wide.shape, np.uint32)
        stochastic = (bits & np.uint32(0xFFFFE000)).view(np.float32).astype(np.float16)
    return {
        "exact": float(exact),
        "float16, nearest": float(nearest),
        "float16, stochastic (mean of 1,000)": float(np.mean(stochastic.astype(np.float64))),
    }


def table(results: dict[str, float]) -> str:
    lines = [f"Adam's v after {STEPS} steps from {START} with g² = {TARGET} (β₂ = {BETA2})"]
    return "\n".join(lines + [f"  {name:36s} {value:.4f}" for name, value in results.items()])
