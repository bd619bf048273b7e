# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks and times compiled work beside its peers, in one process and in turn."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import steelyard
import torch
from triton.testing import do_bench

from benchmarks.gpu import kernels, path_of, steps

STEPS = 100  # of training, timed together


def run(folder: pathlib.Path, only: str) -> bool:
    device = torch.cuda.get_device_properties(0)
    copied = torch.empty(1 << 28, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(copied)
    bandwidth = 2 * copied.numel() / (1e-3 * do_bench(lambda: target.copy_(copied), return_mode="median"))
    print(f"{device.name}, PyTorch {torch.__version__}, JAX {jax.__version__}; copy {bandwidth / 1e12:.2f} TB/s")
    good = _run_kernels(folder, only, bandwidth)
    return _run_steps(folder, only) and good


def _random(shape: tuple[int, ...], dtype: Any) -> Any:
    if shape == ():
        return torch.full((), 100.0, device="cuda")
    values = torch.randn(shape, device="cuda")
    name = np.dtype(dtype).name
    return values.to(getattr(torch, name))


def _difference(got: Any, want: Any) -> float:
    """In norm; of 8-bit codes, the part of them that differs."""
    if got.element_size() == 1:
        return float((got.view(torch.uint8) != want.view(torch.uint8)).float().mean())
    got, want = got.double(), want.double()
    return float((got - want).norm() / want.norm())


def _run_kernels(folder: pathlib.Path, only: str, bandwidth: float) -> bool:
    print(f"{'work':32s}{'ms':>8s}{'TB/s':>7s}{'TFLOP/s':>9s}{'torch.compile, ms':>19s}{'speed':>7s}{'floor, ms':>11s}")
    good = True
    for kernel in kernels.all_kernels():
        path = path_of(folder, kernel.name)
        if only not in kernel.name or not path.exists():
            continue
        torch.manual_seed(0)
        arguments = [_random(shape, dtype) for shape, dtype in kernel.arguments]
        library = steelyard.load(path)
        resident = [steelyard.device_put(argument) for argument in arguments]
        peer = torch.compile(kernel.peer(torch))
        want = peer(*arguments)
        want = want if isinstance(want, tuple) else (want,)
        got = [torch.from_dlpack(result) for result in library(*resident)]
        for index, (ours, theirs) in enumerate(zip(got, want, strict=True)):
            if not _difference(ours, theirs) <= kernel.tolerance:
                good = False
                print(f"{kernel.name}: result {index} differs by {_difference(ours, theirs):.2e}")
        milliseconds = do_bench(lambda: library(*resident), return_mode="median")  # noqa: B023
        theirs = do_bench(lambda: peer(*arguments), return_mode="median")  # noqa: B023
        rate = f"{kernel.flops / milliseconds / 1e9:9.0f}" if kernel.flops else " " * 9
        print(
            f"{kernel.name:32s}{milliseconds:8.4f}{kernel.bytes / milliseconds / 1e9:7.2f}{rate}{theirs:19.4f}"
            f"{theirs / milliseconds:7.2f}{1e3 * kernel.bytes / bandwidth:11.4f}",
            flush=True,
        )
    return good


def _timed(step: Callable[[], Any], wait: Callable[[Any], Any]) -> float:
    """Milliseconds a step, of many that are waited for once."""
    for _ in range(10):
        last = step()
    wait(last)
    start = time.perf_counter()
    for _ in range(STEPS):
        last = step()
    wait(last)
    return 1e3 * (time.perf_counter() - start) / STEPS


class _Training:
    """Goes on from the state that the last step left."""

    def __init__(self, step: Callable[..., Any], state: list[Any], batch: list[Any]) -> None:
        self._step, self._state, self._batch = step, state, batch

    def __call__(self) -> Any:
        *self._state, loss = self._step(*self._state, *self._batch)
        return loss


def _run_steps(folder: pathlib.Path, only: str) -> bool:
    print(f"{'training step':20s}{'':16s}{'ms':>9s}{'speed':>7s}{'loss after':>12s}")
    good = True
    for step in steps.all_steps():
        paths = {name: path_of(folder, step.name, name) for name in steps.SCHEMES}
        if only not in step.name or not all(path.exists() for path in paths.values()):
            continue
        jitted = jax.jit(step.function, donate_argnums=steps.DONATED)
        peer = _Training(jitted, *jax.device_put(([*step.state], [*step.batch])))
        peer_ms = _timed(peer, lambda loss: loss.block_until_ready())
        want = float(peer())
        print(f"{step.name:20s}{'jax.jit':16s}{peer_ms:9.3f}{'':7s}{want:12.5f}")
        for name, path in paths.items():
            state = [np.asarray(leaf) for leaf in jax.tree.leaves(step.state)]
            batch = [steelyard.device_put(np.asarray(leaf)) for leaf in jax.tree.leaves(step.batch)]
            training = _Training(steelyard.load(path), state, batch)
            ours = _timed(training, float)
            loss = float(training())
            good &= abs(loss - want) <= 0.05 * abs(want) + 1e-3
            print(f"{step.name:20s}{name:16s}{ours:9.3f}{peer_ms / ours:7.2f}{loss:12.5f}", flush=True)
    return good
