# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled functions of a workload: compiled where they run, or on one machine for another that has no compiler.

``--target cuda`` compiles for a GPU of this machine; ``--prepare DIR`` saves what a workload needs, and ``--prepared DIR``
runs with that, by ``steelyard.load``, where JAX is but neither the compiler nor what only reads data.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import steelyard
from numpy.typing import NDArray

from workloads import results

TARGETS = ("cpu", "cuda")
# The processor of the machine that it is prepared for.
HOST = "x86-64-v3"
STEPS = 100  # that are timed together


class NotPrepared(FileNotFoundError):
    """The folder has not what the workload asks for."""


class _Saving:
    """A function that a call saves, for arguments of these shapes."""

    def __init__(self, function: Any, path: pathlib.Path) -> None:
        self._function, self._path = function, path

    def __call__(self, *arguments: Any) -> None:
        self._function.save(self._path, *arguments, cpu=HOST)


class Loaded:
    """A saved function, called as the one that it was made from: with pytrees, of which it gives such.

    ``recipe_state`` and ``observed`` are those of ``steelyard.jit``'s.
    """

    def __init__(self, function: Callable[..., Any], path: pathlib.Path) -> None:
        self._loaded = steelyard.load(path)["main"]
        self._function = function
        self._tree: Any = None

    def __call__(self, *arguments: Any) -> Any:
        if self._tree is None:
            abstract = jax.tree.map(_abstract, arguments)
            self._tree = jax.tree.structure(jax.eval_shape(self._function, *abstract))
        return jax.tree.unflatten(self._tree, self._loaded(*jax.tree.leaves(arguments)))

    @property
    def recipe_state(self) -> dict[str, NDArray[Any]]:
        return self._loaded.recipe_state

    @recipe_state.setter
    def recipe_state(self, values: dict[str, Any]) -> None:
        self._loaded.recipe_state = values

    @property
    def observed(self) -> dict[str, Any]:
        return self._loaded.observed


def _abstract(leaf: Any) -> Any:
    array = leaf if hasattr(leaf, "dtype") else np.asarray(leaf)
    return jax.ShapeDtypeStruct(tuple(array.shape), array.dtype)  # type: ignore[no-untyped-call]


def is_compiled(step: Any) -> bool:
    """By this compiler, not by JAX."""
    return hasattr(step, "recipe_state")


class Functions:
    """Makes compiled functions for a target.

    Attributes
    ----------
    target : {"cpu", "cuda"}
    is_preparing : bool
        Then a function saves itself when it is called, and gives nothing.
    """

    def __init__(
        self, target: str = "cpu", prepare: pathlib.Path | None = None, prepared: pathlib.Path | None = None
    ) -> None:
        self.target = target
        self.is_preparing = prepare is not None
        self._prepared = prepared
        self._folder = prepare or prepared
        if prepare:
            prepare.mkdir(parents=True, exist_ok=True)
            (prepare / "COMMIT").write_text(results.commit())
        elif target == "cuda":  # JAX would take three quarters of the device
            os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

    def _path(self, name: str, ending: str) -> pathlib.Path:
        assert self._folder
        return self._folder / (re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") + ending)

    def jit(
        self,
        name: str,
        function: Callable[..., Any],
        scheme: Callable[[], steelyard.Scheme] | None = None,
        donate_argnums: int | Sequence[int] = (),
    ) -> Any:
        """As ``steelyard.jit``. The scheme is asked for where there is a compiler, which knows the recipes."""
        if self._prepared:
            path = self._path(name, ".so")
            if not path.exists():
                raise NotPrepared(f"{path} is not there: prepare with the same options")
            return Loaded(function, path)
        made = steelyard.jit(function, scheme=scheme and scheme(), donate_argnums=donate_argnums, target=self.target)
        return _Saving(made, self._path(name, ".so")) if self.is_preparing else made

    def arrays(self, name: str, read: Callable[[], tuple[NDArray[Any], ...]]) -> tuple[NDArray[Any], ...]:
        """Data that ``read`` reads: of a prepared workload what it read there."""
        if self._prepared:
            path = self._path(name, ".npz")
            if not path.exists():
                raise NotPrepared(f"{path} is not there: prepare with the same options")
            return tuple(np.load(path).values())
        arrays = read()
        if self.is_preparing:
            np.savez_compressed(self._path(name, ".npz"), *arrays)
        return arrays

    def put(self, step: Any, *arrays: Any) -> tuple[Any, ...]:
        """Where a step of ours or of JAX reads them without a copy."""
        if self.target == "cpu":
            return arrays
        put: Callable[[Any], Any] = steelyard.device_put if is_compiled(step) else jax.device_put
        return tuple(put(array) for array in arrays)

    def output(self, folder: pathlib.Path) -> pathlib.Path:
        """Where results go: those of a GPU lie apart from the CPU's."""
        return folder if self.target == "cpu" else folder / self.target

    def label(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows for ``results.write`` with the target, where it is not the CPU, the device and the commit of what runs."""
        if self.target == "cpu" and not self._prepared:
            return list(rows)
        common = {"machine": self.machine()}
        if self._prepared and (self._prepared / "COMMIT").exists():
            common["commit"] = (self._prepared / "COMMIT").read_text().strip()
        prefix = "" if self.target == "cpu" else f"{self.target}/"
        return [row | common | {"name": prefix + row["name"]} for row in rows]

    def machine(self) -> str:
        """What compiled functions run on."""
        if self.target == "cpu":
            return results.machine()
        for path in sorted(pathlib.Path("/proc/driver/nvidia/gpus").glob("*/information")):
            with contextlib.suppress(OSError):
                for line in path.read_text().splitlines():
                    if line.startswith("Model:"):
                        return f"{line.removeprefix('Model:').strip()}, {results.machine()}"
        return f"a CUDA device, {results.machine()}"

    def times(self, steps: dict[str, Any], state: Callable[[str], Sequence[Any]], batch: Sequence[Any]) -> str:
        """A line: milliseconds a step of each contender, with what its state is at first."""
        taken = {name: milliseconds(step, state(name), self.put(step, *batch)) for name, step in steps.items()}
        return f"  ms a step, of {STEPS} in a row, on {self.machine()} (JAX on its {jax.default_backend()}): " + ", ".join(
            f"{name} {value:.3f}" for name, value in taken.items()
        )


def milliseconds(step: Callable[..., Any], state: Sequence[Any], batch: Sequence[Any]) -> float:
    """A step of many, which are waited for once; ``step(*state, *batch)`` gives the next state and a loss."""

    def many(count: int) -> float:
        nonlocal state
        start, loss = time.perf_counter(), None
        for _ in range(count):
            *state, loss = step(*state, *batch)
        np.asarray(loss)
        return 1e3 * (time.perf_counter() - start) / count

    many(10)
    return many(STEPS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", choices=TARGETS, default="cpu", help="what is compiled for (default: %(default)s)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--prepare", type=pathlib.Path, metavar="DIR", help="only compile, into a folder for a machine without a compiler"
    )
    where.add_argument("--prepared", type=pathlib.Path, metavar="DIR", help="run what was prepared with the same options")


def of(options: argparse.Namespace) -> Functions:
    """As the arguments say."""
    return Functions(options.target, options.prepare, options.prepared)
