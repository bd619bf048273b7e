# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles the corpus for a GPU, with arguments, float64 results and the errors that others make."""

from __future__ import annotations

import concurrent.futures
import pathlib
import re
import subprocess
from typing import Any

import jax
import numpy as np
import steelyard
from corpus import PROGRAMS
from oracle import error, evaluate
from steelyard._runtime import Target, compile_library

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


def expectations(name: str, text: str, scheme: str, folder: pathlib.Path) -> dict[str, Any]:
    """Arguments, float64's results, and the error of each: of JAX in float32, or of the CPU target with the scheme.

    Of what the scheme keeps between calls the least and the largest that the CPU target has, over arguments that differ by
    ``NUDGE``: where these are one number, nothing but that number is right.
    """
    function, arguments = PROGRAMS[name]
    given = leaves(arguments)
    want = evaluate(function, arguments, None)
    data: dict[str, Any] = {f"argument{i}": leaf for i, leaf in enumerate(given)}
    if scheme:
        library = folder / f"{slug(name)}.cpu.so"
        compile_library(text, SCHEMES[scheme], HOST, name, str(library))
        calls = CALLS.get(scheme, 1)
        peer, states = steelyard.load(library)["main"], []
        library.unlink()
        for factor in (1 + NUDGE, 1 - NUDGE, 1.0) if calls > 1 else (1.0,):
            results, state = run.called(
                peer, [a * a.dtype.type(factor) if a.dtype.kind == "f" else a for a in given], calls
            )
            states.append(state)
        for key in states[-1]:
            data[f"least {key}"] = np.min([state[key] for state in states], axis=0)
            data[f"most {key}"] = np.max([state[key] for state in states], axis=0)
        data["calls"] = np.int64(calls)
    else:
        results = jax.tree.leaves(jax.jit(function)(*arguments))
    for index, (exact, result) in enumerate(zip(want, results, strict=True)):
        data[f"want{index}"] = np.asarray(exact)
        data[f"peer{index}"] = np.float64(error(result, exact))
    return data


def write_commit(folder: pathlib.Path) -> None:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    (folder / "COMMIT").write_text(commit)


def programs(scheme: str, names: list[str]) -> list[str]:
    """Those named, or all that are prepared with a scheme."""
    return names or (list(DELAYED) if scheme == "delayed" else list(PROGRAMS))


def prepare(folder: pathlib.Path, names: list[str], schemes: list[str], chip: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # The oracle runs beside the compiler, which lets go of the interpreter.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = []
        for scheme in schemes:
            for name in programs(scheme, names):
                function, arguments = PROGRAMS[name]
                text = jax.jit(function, keep_unused=True).lower(*arguments).as_text()
                path = folder / f"{slug(name)}{'.' + scheme if scheme else ''}.so"
                target = Target("cuda", chip=chip)
                jobs.append(pool.submit(compile_library, text, SCHEMES[scheme], HOST, name, str(path), target))
                expected = path.with_suffix(".npz")
                if not expected.exists():
                    np.savez(expected, **expectations(name, text, scheme, folder))
        for job in jobs:
            job.result()
    write_commit(folder)
