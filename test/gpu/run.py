# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs what was prepared, each program in a process of its own: what a faulty kernel does to a device ends with it."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np

#: How many times the error of JAX, or of the CPU target, a result may have, and what is added in float32.
FACTOR, SLACK = 4.0, 2.0**-20


def error(got: Any, want: Any) -> float:
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    norm = np.linalg.norm(want.ravel())
    return float(np.linalg.norm((got - want).ravel()) / (norm or 1))


def called(function: Any, arguments: list[Any], calls: int) -> tuple[list[Any], dict[str, Any]]:
    """Results of the last of so many calls from the beginning, and what the scheme then keeps."""
    function.recipe_state = {}
    results: list[Any] = []
    for _ in range(calls):
        results = [np.asarray(result) for result in function(*arguments)]
    return results, function.recipe_state


def state_faults(state: dict[str, Any], data: Any) -> list[str]:
    faults = []
    names = sorted(name.removeprefix("least ") for name in data.files if name.startswith("least "))
    if names != sorted(state):
        return [f"it keeps {', '.join(sorted(state))}, not {', '.join(names)}"]
    for name in names:
        least, most = data[f"least {name}"], data[f"most {name}"]
        if not np.all((least <= state[name]) & (state[name] <= most)):
            faults.append(f"{name} is {state[name].tolist()}, not {least.tolist()} to {most.tolist()}")
    return faults


def check(path: pathlib.Path) -> list[str]:
    """What is wrong with a program's results; called in a process of its own."""
    import steelyard

    data = np.load(path.with_suffix(".npz"))
    count = sum(name.startswith("argument") for name in data.files)
    arguments = [data[f"argument{i}"] for i in range(count)]
    function = steelyard.load(path)["main"]
    calls = int(data["calls"]) if "calls" in data.files else 1
    (first, state), (second, state_again) = (called(function, arguments, calls) for _ in range(2))
    # A single number's error is a draw of chance: it is held to the program's largest.
    largest = max(float(data[f"peer{i}"]) for i in range(len(first))) if first else 0.0
    faults = state_faults(state, data)
    if any(state[name].tobytes() != state_again[name].tobytes() for name in state):
        faults.append("what is kept differs between two runs")
    for index, result in enumerate(first):
        want = data[f"want{index}"]
        peer = float(data[f"peer{index}"]) if want.size > 1 else largest
        if result.shape != want.shape:
            faults.append(f"result {index} has shape {result.shape}, not {want.shape}")
            continue
        got = error(result, want)
        if not got <= FACTOR * peer + SLACK:
            faults.append(f"result {index}, {result.dtype}{list(result.shape)}: error {got:.3g}, its peer's {peer:.3g}")
        if result.tobytes() != second[index].tobytes():
            faults.append(f"result {index} differs between two calls")
    return faults


def run_process(command: str, path: pathlib.Path) -> tuple[int, str]:
    """The exit status and what was printed, of a process of its own."""
    under = os.environ.get("STEELYARD_CHECK_UNDER", "").split()
    done = subprocess.run(
        [*under, sys.executable, "-m", "gpu", command, str(path)], capture_output=True, text=True, check=False
    )
    return done.returncode, (done.stdout + (done.stderr[-1500:] if done.returncode else "")).strip()


def run_one(path: pathlib.Path) -> str:
    """Empty if all is well."""
    status, text = run_process("check", path)
    return text or f"exit status {status}" if status else ""


def run(folder: pathlib.Path, workers: int) -> bool:
    """Runs all programs in a folder and prints those that fail."""
    paths = sorted(folder.glob("*.so"))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        failures = {path: text for path, text in zip(paths, pool.map(run_one, paths), strict=True) if text}
    for path, text in failures.items():
        print(f"{path.stem}: {text}\n")
    print(f"{len(paths) - len(failures)} of {len(paths)} programs are right")
    return bool(paths) and not failures
