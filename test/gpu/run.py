# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs what was prepared, each library in a process of its own: what a faulty kernel does to a device ends with it.

Beside OUT.so lies OUT.npz: by function (``name/``; nothing of ``main``) arguments, what is right, and how far results may
be off.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import platform
import subprocess
import sys
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

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


def state_faults(state: dict[str, Any], data: Mapping[str, Array]) -> list[str]:
    faults = []
    names = sorted(name.removeprefix("least ") for name in data if name.startswith("least "))
    if names != sorted(state):
        return [f"it keeps {', '.join(sorted(state))}, not {', '.join(names)}"]
    for name in names:
        least, most = data[f"least {name}"], data[f"most {name}"]
        if not np.all((least <= state[name]) & (state[name] <= most)):
            faults.append(f"{name} is {state[name].tolist()}, not {least.tolist()} to {most.tolist()}")
    return faults


def codes(array: Any) -> Array:
    """What NumPy can write: of small floats their codes."""
    array = np.asarray(array)
    return array if array.dtype.isbuiltin == 1 else array.view(f"u{array.dtype.itemsize}")


def arguments_of(function: Any, data: Mapping[str, Array]) -> list[Array]:
    """What ``codes`` made of them."""
    takes = [value for value in function.arguments if not value.is_recipe_state and value.scale_of < 0]
    return [data[f"argument{i}"].view(value.dtype) for i, value in enumerate(takes)]


def host() -> str:
    """What the CPU target's bits depend on beside the processor it was compiled for: glibc, the runtime's contractions."""
    flags = pathlib.Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    return f"glibc {platform.libc_ver()[1]}, {'AVX-512' if ' avx512f ' in flags else 'no AVX-512'}"


def checksum(result: Array) -> int:
    return zlib.crc32(codes(result).tobytes())


def element_fault(got: Array, want: Array, bound: float) -> str:
    """Of numbers: the worst that is further off than the bound; what is not finite, and integers, have to be the same."""
    if want.dtype.kind in "biu":
        wrong = got != want
    else:
        got, want = got.astype(np.float64), want.astype(np.float64)
        finite = np.isfinite(want)
        with np.errstate(invalid="ignore"):
            off = np.where(
                finite, np.abs(got - want), np.where((got == want) | (np.isnan(got) & np.isnan(want)), 0, np.inf)
            )
        wrong = ~(off <= bound)
    count = int(np.count_nonzero(wrong))
    if not count:
        return ""
    at = tuple(int(index) for index in np.argwhere(wrong)[0])
    return f"{count} of {wrong.size} elements, the first {list(at)}: {got[at]}, not {want[at]} to {bound:.3g}"


def result_faults(results: list[Any], data: Mapping[str, Array]) -> list[str]:
    faults = []
    # A single number's error is a draw of chance: it is held to the program's largest.
    largest = max((float(data[key]) for key in data if key.startswith("peer")), default=0.0)
    for index, result in enumerate(results):
        want = data[f"want{index}"]
        what = f"result {index}, {result.dtype}{list(result.shape)}"
        if result.shape != want.shape or result.dtype.name != data.get(f"type{index}", result.dtype.name):
            faults.append(f"{what}: not {data.get(f'type{index}', '')}{list(want.shape)}")
        elif f"peer{index}" not in data:
            if fault := element_fault(result, want, float(data.get(f"bound{index}", 0))):
                faults.append(f"{what}: {fault}")
        else:
            peer = float(data[f"peer{index}"]) if want.size > 1 else largest
            got = error(result, want)
            if not got <= FACTOR * peer + SLACK:
                faults.append(f"{what}: error {got:.3g}, its peer's {peer:.3g}")
    return faults


def check_function(function: Any, data: Mapping[str, Array]) -> list[str]:
    """What is wrong with a function's results."""
    arguments = arguments_of(function, data)
    calls = int(data["calls"]) if "calls" in data else 1
    (first, state), (second, state_again) = (called(function, arguments, calls) for _ in range(2))
    wanted = sum(name.startswith("want") for name in data)
    if len(first) != wanted:
        return [f"{len(first)} results, not {wanted}"]
    faults = result_faults(first, data)
    if "calls" in data:
        faults += state_faults(state, data)
    if any(state[name].tobytes() != state_again[name].tobytes() for name in state):
        faults.append("what is kept differs between two runs")
    for index, (one, other) in enumerate(zip(first, second, strict=True)):
        if one.tobytes() != other.tobytes():
            faults.append(f"result {index} differs between two calls")
    if "checksums" in data and [checksum(result) for result in first] != data["checksums"].tolist():
        where, here = str(data["host"]), host()
        if where == here:
            faults.append("its bits are not those of the machine that compiled it")
        else:
            print(f"other bits than where it was compiled, with {where}; here {here}")
    return faults


def by_function(path: pathlib.Path) -> dict[str, dict[str, Array]]:
    """What is beside a library."""
    functions: dict[str, dict[str, Array]] = {}
    with np.load(path.with_suffix(".npz")) as data:
        for key in data.files:
            name, _, what = key.rpartition("/")
            functions.setdefault(name or "main", {})[what] = data[key]
    return functions


def check(path: pathlib.Path) -> list[str]:
    """What is wrong with the results of a library; called in a process of its own."""
    import steelyard

    library = steelyard.load(path)
    faults = []
    for name, data in by_function(path).items():
        try:
            found = check_function(library[name], data)
        except steelyard.RunError as fault:  # a device is lost to all that follows
            return [*faults, f"{name}: {fault}"]
        faults += found if name == "main" else [f"{name}: {fault}" for fault in found]
    return faults


def run_process(command: str, path: pathlib.Path) -> tuple[int, str]:
    """The exit status and what was printed, of a process of its own."""
    under = os.environ.get("STEELYARD_CHECK_UNDER", "").split()
    done = subprocess.run(
        [*under, sys.executable, "-m", "gpu", command, str(path)], capture_output=True, text=True, check=False
    )
    return done.returncode, (done.stdout + (done.stderr[-1500:] if done.returncode else "")).strip()


def run(folder: pathlib.Path, workers: int) -> bool:
    """Runs all libraries in a folder and prints those that fail, and what is said of others."""
    paths = sorted(folder.glob("*.so"))
    wrong, said = 0, dict[str, list[str]]()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for path, (status, text) in zip(paths, pool.map(lambda path: run_process("check", path), paths), strict=True):
            wrong += status != 0
            if status:
                print(f"{path.stem}: {text or f'exit status {status}'}\n", flush=True)
            for line in [] if status else dict.fromkeys(text.splitlines()):
                said.setdefault(line, []).append(path.stem)
    for line, names in said.items():
        print(f"{line}: {len(names)}, {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}")
    print(f"{len(paths) - wrong} of {len(paths)} programs are right")
    return bool(paths) and not wrong
