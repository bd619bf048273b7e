# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles all work into a folder."""

from __future__ import annotations

import pathlib

import jax
import jax.numpy as jnp
import steelyard
from steelyard._runtime import Target, compile_library

from benchmarks.gpu import kernels, path_of, steps

HOST = "x86-64-v3"


def prepare(folder: pathlib.Path, chip: str, only: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for kernel in kernels.all_kernels():
        if only in kernel.name:
            abstract = [jax.ShapeDtypeStruct(shape, jnp.dtype(dtype)) for shape, dtype in kernel.arguments]  # type: ignore[no-untyped-call]
            text = jax.jit(kernel.function).lower(*abstract).as_text()
            compile_library(text, "", HOST, kernel.name, str(path_of(folder, kernel.name)), Target("cuda", chip=chip))
    for step in steps.all_steps():
        for name in steps.SCHEMES:
            if only in step.name:
                scheme = steps.scheme(name)
                compiled = steelyard.jit(
                    step.function, scheme=scheme, donate_argnums=steps.DONATED, target="cuda", chip=chip
                )
                compiled.save(path_of(folder, step.name, name), *step.state, *step.batch, cpu=HOST)
