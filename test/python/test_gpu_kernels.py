# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The corpus compiled for NVIDIA GPUs, without one: ptxas assembles every kernel of it without spills."""

from __future__ import annotations

import os
import pathlib
import random
import re
import subprocess

import assemble
import jax
import pytest
from corpus import PROGRAMS

REPOSITORY = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build"))

SCALED = "hoist-slices,scalify{storage=f16},quantize{recipe=fp8-current}"
# An H100's registers a thread; what is more is spilled (CUDA C++ Programming Guide, "Compute Capabilities").
REGISTERS = 255
IMAGE = re.compile(r'global internal constant @steelyard_gpu_image\("((?:[^"\\]|\\.)*)"\)')

# A slice of what Scalify makes, which is three times as much; `make check-full` takes all of it.
FULL = "STEELYARD_FULL" in os.environ
SLICE = list(PROGRAMS) if FULL else random.Random(0).sample(sorted(PROGRAMS), 16)


def check_kernels(text: str, passes: str) -> None:
    """Compiles a module for a GPU, by these passes before, and has ptxas assemble it."""
    passes = f"steelyard-import,{passes}{',' if passes else ''}steelyard-cuda{{format=isa toolkit={assemble.TOOLKIT}}}"
    command = [BUILD / "bin" / "steelyard-opt", "-", f"--pass-pipeline=builtin.module({passes})"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for ptx in IMAGE.findall(done.stdout):
        for line in assemble.assemble(assemble.unescape(ptx), "sm_90a"):
            registers, spilled = re.search(r"(\d+) registers, (\d+) bytes of spills", line).groups()  # type: ignore[union-attr]
            assert int(registers) <= REGISTERS and int(spilled) == 0, line


@pytest.mark.parametrize(
    ("name", "scheme"),
    [(name, "") for name in PROGRAMS] + [(name, SCALED) for name in SLICE],
    ids=[*PROGRAMS, *(f"{name}, scaled" for name in SLICE)],
)
def test_kernels_assemble_without_spills(name: str, scheme: str) -> None:
    function, arguments = PROGRAMS[name]
    check_kernels(jax.jit(function).lower(*arguments).as_text(), scheme)
