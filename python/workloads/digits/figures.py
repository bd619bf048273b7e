# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The plots."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.ticker import MaxNLocator  # noqa: E402

COLOURS = {
    "float32 (JAX)": "#444444",
    "Scalify FP8/FP16": "#0072b2",
    "plain FP8 casts": "#d55e00",
    "plain FP16": "#999999",
    "plain FP16, ε 2⁻¹⁴": "#cc79a7",
}
MARKERS = {"Scalify FP8/FP16": "o", "plain FP8 casts": "s", "plain FP16": "x", "plain FP16, ε 2⁻¹⁴": "^"}


def losses(path: pathlib.Path, curves: dict[str, Sequence[float]]) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name, values in curves.items():
        smooth = np.convolve(values, np.ones(11) / 11, mode="valid")
        axes.plot(np.arange(len(smooth)) + 5, smooth, color=COLOURS[name], label=name, lw=1.6)
    axes.set(xlabel="step", ylabel="training loss (mean of 11 steps)", yscale="log", title="Training loss, one run")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def exponents(path: pathlib.Path, history: Mapping[str, Mapping[str, Sequence[int]]]) -> None:
    """A panel a group of tensors, one line a tensor; while one is zero (exponent -2^20) it has no line."""
    figure, grid = plt.subplots(2, 3, figsize=(12, 7), sharex=True, layout="constrained")
    for axes, (title, tensors) in zip(grid.flat, history.items(), strict=True):
        for name, exponents in tensors.items():
            values = np.asarray(exponents, float)
            values[values < -1000] = np.nan
            axes.step(np.arange(len(values)), values, label=name, lw=1.2)
        axes.set_title(title)
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, (low + high) / 2 - 1.5), max(high, (low + high) / 2 + 1.5))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, ncols=3, fontsize="small")
    for axes in grid[:, 0]:
        axes.set_ylabel("scale exponent e (value = data × 2$^e$)")
    for axes in grid[1]:
        axes.set_xlabel("step")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def multipliers(path: pathlib.Path, factors: Sequence[float], sweep: dict[str, list[list[float]]]) -> None:
    figure, axes = plt.subplots(figsize=(7.5, 5), layout="constrained")
    for name, rows in sweep.items():
        mean = [float(np.mean(row)) for row in rows]
        low, high = [min(row) for row in rows], [max(row) for row in rows]
        # float32 is wide and pale below the others: Scalify's line lies on it.
        style = {"lw": 7, "alpha": 0.35} if name.startswith("float32") else {"lw": 1.6, "marker": MARKERS[name], "ms": 5}
        axes.plot(factors, mean, color=COLOURS[name], label=name, **style)
        axes.fill_between(factors, low, high, color=COLOURS[name], alpha=0.15, lw=0)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(factors))
    axes.set(xlabel="loss multiplier", ylabel="test accuracy, %", ylim=(0, 103))
    axes.set_title("Accuracy against the units of the loss (mean and range over seeds)")
    figure.legend(frameon=False, ncols=3, loc="outside lower center")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=130)
    plt.close(figure)
