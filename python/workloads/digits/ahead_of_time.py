# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``python -m workloads.digits.ahead_of_time --output-dir DIR``: the demo, trained by a C program without Python.

The FP8 step is compiled into step.so; train.c, linked with libsteelyard_rt alone, runs it over the batches of one training
in an empty environment, and leaves the state that it ends with. Beside it the same training in this process.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time
from typing import Any

import jax
import numpy as np
import steelyard
from numpy.typing import NDArray
from steelyard._abi import runtime_path

from workloads.digits import model
from workloads.digits.__main__ import BATCH, data, folds

SOURCE = pathlib.Path(__file__).parent / "train.c"
INCLUDE = SOURCE.parents[3] / "include"
Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


def batches(epochs: int, test: NDArray[np.int64]) -> list[Batch]:
    x, y = data()
    train, onehot = np.setdiff1d(np.arange(len(x)), test), np.eye(10, dtype=np.float32)[y]
    random = np.random.default_rng(1000)
    chosen = []
    for _ in range(epochs):
        order = random.permutation(train)
        chosen += [order[start : start + BATCH] for start in range(0, len(order) - BATCH + 1, BATCH)]
    return [(x[batch], onehot[batch]) for batch in chosen]


def blas_environment() -> dict[str, str]:
    """The library that contractions use here, for programs that know of no Python packages."""
    if "STEELYARD_BLAS" in os.environ:
        return {"STEELYARD_BLAS": os.environ["STEELYARD_BLAS"]}
    try:
        import scipy_openblas32
    except ImportError:
        return {}
    return {
        "STEELYARD_BLAS": os.path.join(scipy_openblas32.get_lib_dir(), str(scipy_openblas32.get_library(fullname=True)))
    }


def write(
    folder: pathlib.Path, step: steelyard.CompiledFunction, state: tuple[Any, ...], inputs: list[tuple[Any, ...]]
) -> Any:
    """What train.c reads: the step, the state before it, the inputs of all batches; the function, loaded again."""
    step.save(folder / "step.so", *state, *inputs[0])
    function = steelyard.load(folder / "step.so")["main"]
    buffers = function.buffers(*jax.tree.leaves((state, inputs[0])))
    kept = {result.state_of for result in function.results}
    anew = [index for index in range(len(buffers)) if index not in kept]
    for index, buffer in enumerate(buffers):
        values = [batch[anew.index(index)] for batch in inputs] if index in anew else [buffer]
        (folder / f"{index}.bin").write_bytes(b"".join(np.ascontiguousarray(value).tobytes() for value in values))
    return function


def build(folder: pathlib.Path) -> None:
    """Compiles train.c beside a copy of the runtime."""
    runtime = pathlib.Path(runtime_path())
    name = "libsteelyard_rt.so.3"
    shutil.copy(runtime, folder / name)
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{INCLUDE}", "-Wl,-rpath,$ORIGIN"]
    compiler = os.environ.get("CC") or "cc"
    subprocess.run([compiler, *flags, os.fspath(SOURCE.resolve()), "-o", "train", f"./{name}"], check=True, cwd=folder)


def run(folder: pathlib.Path, count: int) -> list[float]:
    """The losses of the C program, which sees no environment but which BLAS to use."""
    program = [os.fspath(folder.resolve() / "train"), "step.so", ".", str(count)]
    ran = subprocess.run(program, cwd=folder, env=blas_environment(), capture_output=True, text=True)
    if ran.returncode:
        raise steelyard.RunError(ran.stderr.strip() or f"train ended with {ran.returncode}")
    return [float.fromhex(line) for line in ran.stdout.split()]


def state_after(folder: pathlib.Path, function: Any) -> list[Any]:
    """The state that the C program left, as arrays."""
    leaves: list[Any] = []
    for result in function.results:
        if result.state_of < 0 or result.is_recipe_state:
            continue
        value: Any = np.fromfile(folder / f"{result.state_of}.out", result.dtype).reshape(result.shape)
        if result.scale_of >= 0:
            data = function.results[result.scale_of]
            value = steelyard.ScaledArray(leaves.pop(), value, np.float32, data.form)
        leaves.append(value)
    return leaves


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m workloads.digits.ahead_of_time", description=__doc__)
    parser.add_argument("--output-dir", type=pathlib.Path, default=pathlib.Path("build/ahead-of-time"))
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    folder: pathlib.Path = options.output_dir
    if options.epochs < 1:
        print(f"workloads.digits.ahead_of_time: --epochs is at least 1, got {options.epochs}", file=sys.stderr)
        return 2
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"workloads.digits.ahead_of_time: cannot write {folder}: {error.strerror}", file=sys.stderr)
        return 1
    x, y = data()
    test = folds(len(x))[0]
    inputs = [(*batch, np.float32(1)) for batch in batches(options.epochs, test)]
    parameters = model.initialise(0)
    zeros = jax.tree.map(np.zeros_like, parameters)
    state: tuple[Any, ...] = (parameters, zeros, zeros, np.float32(0))
    step = steelyard.jit(model.step, scheme=steelyard.Scalify(), donate_argnums=(0, 1, 2, 3))
    function = write(folder, step, state, inputs)
    build(folder)
    started = time.perf_counter()
    losses = run(folder, len(inputs))
    seconds = time.perf_counter() - started
    here = []
    for batch in inputs:
        *state, loss = step(*state, *batch)
        here.append(float(np.asarray(loss)))
    trained = jax.tree.unflatten(
        jax.tree.structure(parameters), state_after(folder, function)[: len(jax.tree.leaves(parameters))]
    )
    accuracy = 100 * float(np.mean(model.predict(trained, x[test]) == y[test]))
    same = "the same bits as" if losses == here else "NOT the same bits as"
    print(
        f"{len(losses)} steps by a C program with step.so ({(folder / 'step.so').stat().st_size:,} bytes), {seconds:.2f} s"
    )
    print(f"  loss {losses[0]:.4f} to {losses[-1]:.4f}, test accuracy {accuracy:.2f} %; losses have {same} those in Python")
    return 0 if losses == here else 1


if __name__ == "__main__":
    sys.exit(main())
