# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles all work into a folder."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import steelyard
from steelyard._runtime import Target, compile_library, compile_module
from tqdm import tqdm
from workloads import results

from benchmarks.gpu import block, chains, is_selected, kernels, path_of, steps

HOST = "x86-64-v3"
# The start of a remark about what was quantised and is contracted in wider types.
WIDENED = "not contracted in 8 bits"


@dataclasses.dataclass(frozen=True)
class Work:
    """What is compiled from JAX: a function of arguments of these shapes and types."""

    group: str
    names: tuple[str, ...]
    function: Callable[..., Any]
    arguments: Sequence[tuple[tuple[int, ...], Any]]
    is_fp8: bool = False

    @property
    def text(self) -> str:
        abstract = [jax.ShapeDtypeStruct(shape, jnp.dtype(dtype)) for shape, dtype in self.arguments]  # type: ignore[no-untyped-call]
        return jax.jit(self.function).lower(*abstract).as_text()


def all_work(drawn: Sequence[chains.Chain]) -> Iterator[Work]:
    """Everything but training steps. The first name is what ``--only`` selects by."""
    for kernel in kernels.all_kernels():
        yield Work("kernels", (kernel.name,), kernel.function, kernel.arguments, kernel.is_fp8)
    for linear in block.linears():
        for contraction in linear.contractions():
            yield from _both("block", contraction.name, contraction)
        wide = [(shape, block.BF16) for shape in linear.shapes]
        yield Work("block", (block.joint_name(linear), "FP8"), linear.fp8, wide, True)
        yield Work("block", (block.joint_name(linear), "bf16"), linear.bf16, wide)
    for odd in block.odd_sizes():
        for is_padded in (False, True):
            contraction = odd.contraction(is_padded)
            yield from _both("odd", contraction.name, contraction)
    for chain in drawn:
        yield Work(
            "chains", (chain.name,), chain.in_jax(), [(argument.shape, argument.dtype) for argument in chain.arguments]
        )


def _both(group: str, name: str, contraction: block.Contraction) -> Iterator[Work]:
    arguments = [(contraction.a, block.BF16), (contraction.b, block.BF16)]
    yield Work(group, (name, "FP8"), contraction.fp8, arguments, True)
    yield Work(group, (name, "bf16"), contraction.bf16, arguments)


def contracts_in_8_bits(text: str, name: str, chip: str) -> list[str]:
    """What the compiler says against it."""
    remarks: list[str] = []

    def keep(severity: str, message: str, location: str) -> None:
        if WIDENED in message:
            remarks.append(message)

    compile_module(text, "", keep, name, target=Target("cuda", chip=chip))
    return remarks


def prepare(folder: pathlib.Path, chip: str, only: str, seed: int) -> bool:
    """Whether all could be compiled, what is written in FP8 in FP8; what could is in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "COMMIT").write_text(results.commit())
    drawn = chains.draw_chains(seed)
    chains.save(folder / chains.FILE, seed, drawn)
    print(f"chains drawn with seed {seed}")
    failures = []
    work = [one for one in all_work(drawn) if is_selected(only, one.group, one.names[0])]
    chosen = [step for step in steps.all_steps() if is_selected(only, "steps", step.name)]
    training = [(step, name) for step in chosen for name in step.contenders]
    with tqdm(total=len(work) + len(training), unit="library", disable=None) as progress:
        for one in work:
            name = ", ".join(one.names)
            try:
                compile_library(one.text, "", HOST, name, str(path_of(folder, *one.names)), Target("cuda", chip=chip))
                if one.is_fp8 and (remarks := contracts_in_8_bits(one.text, name, chip)):
                    failures.append(f"{name}: {'; '.join(remarks)}")
            except Exception as error:  # the others are still to be compiled
                failures.append(f"{name}: {error}")
            progress.update()
        for step, name in training:
            function, scheme = step.of(name)
            compiled = steelyard.jit(function, scheme=scheme, donate_argnums=steps.DONATED, target="cuda", chip=chip)
            try:
                compiled.save(path_of(folder, step.name, name), *step.state, *step.batch, cpu=HOST)
            except Exception as error:
                failures.append(f"{step.name}, {name}: {error}")
            progress.update()
    for failure in failures:
        print(failure)
    print(f"{len(work) + len(training) - len(failures)} of {len(work) + len(training)} libraries are in {folder}")
    return not failures
