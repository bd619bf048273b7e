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

#: Names of schemes, with the passes that they are.
SCHEMES = {"": "", "scaled": "hoist-slices,scalify{storage=f16},quantize{recipe=fp8-current}"}


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def expectations(name: str, text: str, scheme: str, folder: pathlib.Path) -> dict[str, Any]:
    """Arguments, float64's results, and the error of each: of JAX in float32, or of the CPU target with the scheme."""
    function, arguments = PROGRAMS[name]
    want = evaluate(function, arguments, None)
    if scheme:
        library = folder / f"{slug(name)}.cpu.so"
        compile_library(text, SCHEMES[scheme], "x86-64-v3", name, str(library))
        peer = steelyard.load(library)(*map(np.asarray, jax.tree.leaves(arguments)))
        library.unlink()
    else:
        peer = jax.tree.leaves(jax.jit(function)(*arguments))
    data: dict[str, Any] = {f"argument{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(arguments))}
    for index, (exact, result) in enumerate(zip(want, peer, strict=True)):
        data[f"want{index}"] = np.asarray(exact)
        data[f"peer{index}"] = np.float64(error(result, exact))
    return data


def prepare(folder: pathlib.Path, names: list[str], schemes: list[str], chip: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # The oracle runs beside the compiler, which lets go of the interpreter.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = []
        for scheme in schemes:
            for name in names:
                function, arguments = PROGRAMS[name]
                text = jax.jit(function, keep_unused=True).lower(*arguments).as_text()
                path = folder / f"{slug(name)}{'.' + scheme if scheme else ''}.so"
                target = Target("cuda", chip=chip)
                jobs.append(pool.submit(compile_library, text, SCHEMES[scheme], "x86-64-v3", name, str(path), target))
                expected = path.with_suffix(".npz")
                if not expected.exists():
                    np.savez(expected, **expectations(name, text, scheme, folder))
        for job in jobs:
            job.result()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    (folder / "COMMIT").write_text(commit)
