# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles the corpus for a GPU, or for another machine's CPU, with arguments, float64 results and others' errors."""

from __future__ import annotations

import concurrent.futures
import functools
import pathlib
import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import steelyard
from corpus import PROGRAMS
from oracle import error, evaluate
from steelyard._runtime import CPU, Target, compile_library

from gpu import run

#: Names of schemes, with the passes that they are.
SCHEMES = {
    "": "",
    "scaled": "hoist-slices,scalify{storage=f16},quantize{recipe=fp8-current}",
    "delayed": "quantize{recipe=fp8-delayed options=history=4}",
}
#: Programs that are prepared with delayed scales unless others are named: what they keep between calls is compared as well.
DELAYED = (
    "mlp, gradient",
    "gpt, gradient",
    "llama, gradient",
    "equinox: transformer block, gradient",
    "flax: encoder block, gradient",
)
HOST = "x86-64-v3"
#: Calls before results are compared: scales that were there at the start, then those of the first call.
CALLS = {"delayed": 2}
#: Rounding differs between targets by less than this, even where it decides the code of an operand in 8 bits.
NUDGE = 2.0**-10


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def leaves(arguments: Any) -> list[Any]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(arguments)]


def with_scheme(peer: Any, given: Sequence[Any], want: Sequence[Any], calls: int) -> dict[str, Any]:
    """The errors of the CPU target's results, with a scheme.

    Of what the scheme keeps between calls the least and the largest that the CPU target has, over arguments that differ by
    ``NUDGE``: where these are one number, nothing but that number is right.
    """
    data: dict[str, Any] = {}
    results: list[Any] = []
    states = []
    for factor in (1 + NUDGE, 1 - NUDGE, 1.0) if calls > 1 else (1.0,):
        results, state = run.called(peer, [a * a.dtype.type(factor) if a.dtype.kind == "f" else a for a in given], calls)
        states.append(state)
    for key in states[-1]:
        data[f"least {key}"] = np.min([state[key] for state in states], axis=0)
        data[f"most {key}"] = np.max([state[key] for state in states], axis=0)
    data["calls"] = np.int64(calls)
    for index, (exact, result) in enumerate(zip(want, results, strict=True)):
        data[f"peer{index}"] = np.float64(error(result, exact))
    return data


def peer_library(text: str, scheme: str, path: pathlib.Path) -> Any:
    """The CPU target's; of a path that was loaded before the system gives what lay there then."""
    compile_library(text, SCHEMES[scheme], HOST, path.stem, str(path))
    library = steelyard.load(path)
    path.unlink()
    return library


@functools.cache
def in_float64(name: str) -> list[Any]:
    return evaluate(*PROGRAMS[name], None)


def expectations(name: str, text: str, scheme: str, folder: pathlib.Path) -> dict[str, Any]:
    """Arguments, float64's results, and the error of each: of JAX in float32, or of the CPU target with the scheme."""
    function, arguments = PROGRAMS[name]
    given, want = leaves(arguments), in_float64(name)
    data: dict[str, Any] = {f"argument{i}": leaf for i, leaf in enumerate(given)}
    data |= {f"want{i}": np.asarray(exact) for i, exact in enumerate(want)}
    if scheme:
        loaded = peer_library(text, scheme, folder / f"{slug(name)}.{scheme}.peer.so")
        return data | with_scheme(loaded["main"], given, want, CALLS.get(scheme, 1))
    results = jax.tree.leaves(jax.jit(function)(*arguments))
    for index, (exact, result) in enumerate(zip(want, results, strict=True)):
        data[f"peer{index}"] = np.float64(error(result, exact))
    return data


def checksums(path: pathlib.Path, functions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Of the bits of a CPU library's results here, by function; of nothing where this machine can't run it."""
    try:
        library = steelyard.load(path)
    except steelyard.RunError:
        return {}
    data: dict[str, Any] = {}
    for name, expected in functions.items():
        prefix = "" if name == "main" else f"{name}/"
        results, _ = run.called(library[name], run.arguments_of(library[name], expected), int(expected.get("calls", 1)))
        data[f"{prefix}checksums"] = np.array([run.checksum(result) for result in results], np.uint32)
        data[f"{prefix}host"] = np.array(run.host())
    return data


def save(path: pathlib.Path, functions: Mapping[str, Mapping[str, Any]], target: Target) -> None:
    """What is expected of a library, beside it."""
    data = {
        f"{'' if name == 'main' else f'{name}/'}{key}": value for name, f in functions.items() for key, value in f.items()
    }
    if not target.is_device:
        data |= checksums(path, functions)
    np.savez_compressed(path.with_suffix(".npz"), **data)


def finish(work: Sequence[Any], target: Target) -> None:
    """Of a program that is being compiled, if there is one."""
    if work:
        job, path, expected = work
        job.result()
        save(path, {"main": expected}, target)


def write_commit(folder: pathlib.Path) -> None:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    (folder / "COMMIT").write_text(commit)


def programs(scheme: str, names: list[str]) -> list[str]:
    """Those named, or all that are prepared with a scheme."""
    return names or (list(DELAYED) if scheme == "delayed" else list(PROGRAMS))


def prepare(folder: pathlib.Path, names: list[str], schemes: list[str], target: Target = CPU, cpu: str = HOST) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # The oracle runs beside the compiler, which lets go of the interpreter.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        before: list[Any] = []
        for scheme in schemes:
            for name in programs(scheme, names):
                function, arguments = PROGRAMS[name]
                text = jax.jit(function, keep_unused=True).lower(*arguments).as_text()
                path = folder / f"{slug(name)}{'.' + scheme if scheme else ''}.so"
                job = pool.submit(compile_library, text, SCHEMES[scheme], cpu, name, str(path), target)
                expected = expectations(name, text, scheme, folder)
                finish(before, target)
                before = [job, path, expected]
        finish(before, target)
    write_commit(folder)
