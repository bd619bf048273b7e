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

from workloads.scalify.training import FLOAT32, FP8, FP16, FP16_NORMS, SCALIFY  # noqa: E402

COLOURS = {FLOAT32: "#444444", SCALIFY: "#0072b2", FP8: "#d55e00", FP16: "#999999", FP16_NORMS: "#cc79a7"}
MARKERS = {FLOAT32: "", SCALIFY: "o", FP8: "s", FP16: "v", FP16_NORMS: "^"}
WINDOW = 25


def losses(path: pathlib.Path, curves: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """A line a seed, smoothed; float32's are wide and pale below the others."""
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name, seeds in curves.items():
        wide, alpha = (4.0, 0.35) if name == FLOAT32 else (1.2, 1.0)
        for index, values in enumerate(seeds):
            window = min(WINDOW, len(values))
            smooth = np.convolve(values, np.ones(window) / window, mode="valid")
            label = None if index else name
            axes.plot(np.arange(len(smooth)) + window / 2, smooth, color=COLOURS[name], label=label, lw=wide, alpha=alpha)
    axes.set(
        xlabel="step", ylabel=f"training loss, nats a token (mean of {WINDOW} steps)", title="Training loss, a line a seed"
    )
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def multipliers(path: pathlib.Path, factors: Sequence[float], sweep: Mapping[str, Sequence[float]], steps: int) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    shown = [loss for losses in sweep.values() for loss in losses if np.isfinite(loss)]
    top = min(max(shown), 5.0)
    for name, held_out in sweep.items():
        values = np.asarray(held_out, float)
        style = {"lw": 7, "alpha": 0.35} if name == FLOAT32 else {"lw": 1.6, "marker": MARKERS[name], "ms": 5}
        axes.plot(factors, np.minimum(values, top), color=COLOURS[name], label=name, **style)
        failed = ~np.isfinite(values)
        # What became NaN stands on the upper edge.
        axes.plot(np.asarray(factors)[failed], np.full(failed.sum(), top), "x", color=COLOURS[name], ms=8)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(factors))
    axes.set(xlabel="loss multiplier", ylabel=f"held-out loss after {steps} steps (× on the edge: NaN)")
    figure.legend(frameon=False, ncols=3, loc="outside lower center")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def exponents(path: pathlib.Path, history: Mapping[str, Sequence[int]]) -> None:
    """The scales of the state over a training: a panel a kind of state, a line a tensor."""
    kinds = {"parameters": "parameters", "m": "Adam's first moment m", "root of v": "root of the second moment, √v"}
    figure, panels = plt.subplots(1, len(kinds), figsize=(12, 4), sharex=True, layout="constrained")
    for axes, (kind, title) in zip(panels, kinds.items(), strict=True):
        for name, values in history.items():
            if name.partition("[")[0] == kind:
                line = np.asarray(values, float)
                line[line < -1000] = np.nan  # zero has no scale
                axes.step(np.arange(len(line)), line, lw=0.8, alpha=0.7)
        axes.set(title=title, xlabel="step")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("scale exponent e (value = data × 2$^e$)")
    figure.savefig(path, dpi=130)
    plt.close(figure)
