# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``results.json``: one row a number, with where and from what it came."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np


@functools.cache
def machine() -> str:
    """Processor and number of cores this process may use."""
    model = ""
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                model = value.strip()
                break
    except OSError:
        pass
    return f"{platform.machine()}, {model or platform.processor() or 'unknown CPU'}, {len(os.sched_getaffinity(0))} cores"


@functools.cache
def versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "jax": jax.__version__,
        "jaxlib": importlib.metadata.version("jaxlib"),
        "numpy": np.__version__,
    }


@functools.cache
def commit() -> str:
    """Of the sources this file belongs to; "+" where tracked files were changed since; empty outside of git."""

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        folder = pathlib.Path(__file__).parent
        return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)

    try:
        head = git("rev-parse", "HEAD")
        if head.returncode:
            return ""
        return head.stdout.strip() + ("+" if git("diff", "--quiet", "HEAD").returncode else "")
    except OSError:
        return ""


def row(
    name: str,
    value: float | Sequence[float],
    unit: str,
    better: str,
    peers: Mapping[str, float | Sequence[float]] | None = None,
    floor: float | None = None,
    target: float | str | None = None,
) -> dict[str, Any]:
    """One row; ``better`` is "higher" or "lower", ``value`` may be a list over seeds or repeats."""
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "better": better,
        "peers": dict(peers or {}),
        "floor": floor,
        "target": target,
        "machine": machine(),
        "versions": versions(),
        "commit": commit(),
    }


def write(path: pathlib.Path, rows: Sequence[dict[str, Any]]) -> None:
    """Strict JSON: NaN, which JSON has not, becomes null."""

    def strict(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strict(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [strict(item) for item in value]
        return None if isinstance(value, float) and not np.isfinite(value) else value

    path.write_text(json.dumps(strict(list(rows)), indent=1, allow_nan=False) + "\n")
