# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tables and intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval, in percentage points."""

    low: float
    mean: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.3f} points, 95 % interval [{self.low:+.3f}, {self.high:+.3f}]"


def paired(differences: Sequence[Sequence[float]]) -> Interval:
    """The mean over seeds of the mean difference over folds.

    All folds of a seed together test every image once, so seeds are the independent repeats: Student's t over them.
    """
    means = np.mean(np.asarray(differences), axis=1)
    mean = float(np.mean(means))
    half = float(stats.t.ppf(0.975, len(means) - 1) * np.std(means, ddof=1) / np.sqrt(len(means)))
    return Interval(mean - half, mean, mean + half)


def table(title: str, runs: dict[str, list[Any]]) -> str:
    lines = [title, f"  {'':20s} {'test accuracy %':>18s} {'final loss':>18s}"]
    for name, results in runs.items():
        accuracy, loss = [r.accuracy for r in results], [r.final_loss for r in results]
        lines.append(f"  {name:20s} {_spread(accuracy, 2):>18s} {_spread(loss, 5):>18s}")
    return "\n".join(lines)


def sweep_table(multipliers: Sequence[float], sweep: dict[str, list[list[float]]]) -> str:
    lines = ["test accuracy % against the loss multiplier (one fold, mean over seeds)"]
    lines.append("  " + " " * 20 + "".join(f"{f'2^{np.log2(m):.0f}':>8s}" for m in multipliers))
    for name, rows in sweep.items():
        lines.append(f"  {name:20s}" + "".join(f"{np.mean(row):8.2f}" for row in rows))
    return "\n".join(lines)


def _spread(values: Sequence[float], digits: int) -> str:
    text = f"{np.mean(values):.{digits}f}"
    return f"{text} ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else text
