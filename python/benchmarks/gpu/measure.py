# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks and times compiled work beside its peers, in one process and in turn."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pathlib
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.3")  # the device is PyTorch's and ours as well

import jax
import numpy as np
import steelyard
import torch
import triton

from benchmarks.gpu import block, chains, is_selected, kernels, path_of, steps, timing
from benchmarks.gpu.report import JAX, JAX_BF16, OURS_BF16, PADDED, TORCH, TORCH_FP8, TORCH_PADDED, Row, row
from benchmarks.gpu.timing import JaxTimer, by_events, in_turn

STEPS = 100  # of training, timed together
#: Beside torch's FP8 from the same codes; beside bf16, what rounding to E5M2 and E4M3 costs.
SAME_CODES, ROUNDED = 1e-2, 8e-2
#: Exit status: the device can't be used any more by this process.
BROKEN = 3
OURS = "ours"
Calls = dict[str, Callable[[], Any]]


class _Broken(Exception):
    pass


def _driver() -> str:
    with contextlib.suppress(OSError):
        text = pathlib.Path("/proc/driver/nvidia/version").read_text()
        if found := re.search(r"Kernel Module.*?\b(\d{3,}\.\d+(?:\.\d+)?)\b", text):
            return found[1]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        ask = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(ask, capture_output=True, text=True, check=True, timeout=60).stdout.split()[0]
    return "unknown"


def _in_words(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"


@contextlib.contextmanager
def _noting(faults: list[str], what: str) -> Iterator[None]:
    """What goes wrong is noted, and the rest goes on."""
    try:
        yield
    except Exception as error:
        faults.append(f"{what}: {_in_words(error)}")


class _Log:
    """Lines of JSON, each on the disk before the next piece of work begins."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.begun = {entry["begin"] for entry in map(json.loads, lines) if "begin" in entry}

    def write(self, entry: Mapping[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(entry) + "\n")


class _Session:
    def __init__(self, folder: pathlib.Path, only: str, log: _Log) -> None:
        self._folder, self._only, self._log = folder, only, log
        device = torch.cuda.get_device_properties(0)
        versions = {"PyTorch": torch.__version__, "Triton": triton.__version__, "JAX": jax.__version__}
        versions |= {"CUDA": str(torch.version.cuda), "NumPy": np.__version__}
        log.write({"machine": f"{device.name}, driver {_driver()}", "versions": versions})
        copied = torch.empty(1 << 28, dtype=torch.uint8, device="cuda")
        target = torch.empty_like(copied)
        self.bandwidth = 2 * copied.numel() / (1e-3 * by_events(lambda: target.copy_(copied)))
        print(f"{device.name}, {versions}; copy {self.bandwidth / 1e12:.2f} TB/s", flush=True)
        self.jax_timer: JaxTimer | None = None
        if jax.default_backend() == "gpu":
            self.jax_timer = JaxTimer()
            self._calibrate()
        else:
            print("JAX has no GPU here: jax.jit is left out")

    def _calibrate(self) -> None:
        """The two ways of timing, of the same work."""
        assert self.jax_timer
        count = timing.FLUSHED // 4
        there, here = jax.numpy.zeros(count, np.float32), torch.zeros(count, device="cuda")
        added = jax.jit(lambda x: x + 1)
        by_difference = self.jax_timer(lambda: added(there))
        events = by_events(lambda: here + 1)
        print(f"x + 1, 256 MiB: PyTorch's by events {events:.4f} ms, JAX's by difference {by_difference:.4f}")

    def path(self, *names: str) -> pathlib.Path:
        return path_of(self._folder, *names)

    def library(self, *names: str) -> Any:
        return steelyard.load(self.path(*names))

    def floor(self, moved: int) -> float:
        return float(1e3 * moved / self.bandwidth)

    def attempt(self, group: str, name: str, work: Callable[[list[str]], list[Row]], *paths: pathlib.Path) -> None:
        """Does a piece of work unless it is left out, was begun before or not prepared; ``work`` takes a list of faults."""
        is_chosen = is_selected(self._only, group, name) and name not in self._log.begun
        if not is_chosen or not all(path.exists() for path in paths):
            return
        self._log.write({"begin": name})
        faults: list[str] = []
        rows: list[Row] = []
        torch.manual_seed(0)
        torch.compiler.reset()  # or the second shape of the same function is compiled for all shapes
        with _noting(faults, "failed"):
            rows = work(faults)
        for one in rows:
            peers = "".join(f", {peer} {value:.4f}" for peer, value in one["peers"].items())
            print(f"{one['name']}: {one['value']:.4f} ms{peers}", flush=True)
        for fault in faults:
            print(f"{name}: {fault}", flush=True)
        self._log.write({"end": name, "rows": rows, "faults": faults})
        gc.collect()
        if faults:
            try:
                torch.cuda.synchronize()
            except Exception as error:
                raise _Broken from error

    def timed(self, calls: Calls, faults: list[str]) -> dict[str, float]:
        """Milliseconds of each contender; of one that fails none."""
        measures: dict[str, Callable[[], float]] = {}
        for name, call in calls.items():
            with _noting(faults, name):
                call()
                torch.cuda.synchronize()
                timer = self.jax_timer if name == JAX and self.jax_timer else by_events
                measures[name] = lambda timer=timer, call=call: timer(call)  # type: ignore[misc]
        return in_turn(measures)


def _random(shape: tuple[int, ...], dtype: Any) -> Any:
    if shape == ():
        return torch.full((), 100.0, device="cuda")
    values = torch.randn(shape, device="cuda")
    name = np.dtype(dtype).name
    return values.to(getattr(torch, name))


def _difference(got: Any, want: Any, unit: float = 0.0) -> float:
    """In norm, at least that of ``unit`` an element; of 8-bit codes, the part of them that differs."""
    if got.element_size() == 1:
        return float((got.view(torch.uint8) != want.view(torch.uint8)).float().mean())
    got, want = got.double(), want.double()
    norm: float = max(float(want.norm()), unit * float(want.numel()) ** 0.5)
    return float((got - want).norm()) / norm


def _compare(got: Any, want: Any, tolerance: float, faults: list[str], what: str, units: tuple[float, ...] = ()) -> None:
    got, want = _tuple(got), _tuple(want)
    for index, (ours, theirs) in enumerate(zip(got, want, strict=True)):
        difference = _difference(ours, theirs, units[index] if units else 0.0)
        if not difference <= tolerance:
            faults.append(f"{what}: result {index} differs by {difference:.2e}, {tolerance:.0e} is allowed")


def _tuple(results: Any) -> tuple[Any, ...]:
    return tuple(results) if isinstance(results, (tuple, list)) else (results,)


def _in_torch(results: Any) -> tuple[Any, ...]:
    return tuple(torch.from_dlpack(result) for result in results)


def _kernel(session: _Session, kernel: kernels.Kernel, faults: list[str]) -> list[Row]:
    arguments = [_random(shape, dtype) for shape, dtype in kernel.arguments]
    library = session.library(kernel.name)
    resident = [steelyard.device_put(argument, copy=True) for argument in arguments]
    peer = torch.compile(kernel.peer(torch), dynamic=False)
    with _noting(faults, "results"):
        _compare(_in_torch(library(*resident)), peer(*arguments), kernel.tolerance, faults, "beside torch.compile")
    taken = session.timed({OURS: lambda: library(*resident), TORCH: lambda: peer(*arguments)}, faults)
    more = {"bytes": kernel.bytes, "flops": kernel.flops}
    floor = session.floor(kernel.bytes)
    return [row("kernels", kernel.name, taken.pop(OURS), taken, floor, **more)]


def _contraction(session: _Session, name: str, work: Any, shapes: tuple[block.Shape, ...], faults: list[str]) -> list[Row]:
    """Of a ``block.Contraction`` or ``block.Linear``: FP8 and bf16, ours and PyTorch's."""
    arguments = [_random(shape, block.BF16) for shape in shapes]
    libraries = {OURS: session.library(name, "FP8"), OURS_BF16: session.library(name, "bf16")}
    resident = [steelyard.device_put(argument, copy=True) for argument in arguments]
    peers = {TORCH: torch.compile(work.torch_bf16(torch), dynamic=False), TORCH_FP8: work.torch_fp8(torch)}
    with _noting(faults, "results"):
        fp8, wide = _in_torch(libraries[OURS](*resident)), peers[TORCH](*arguments)
        _compare(fp8, wide, ROUNDED, faults, "FP8 beside torch's bf16")
        _compare(_in_torch(libraries[OURS_BF16](*resident)), wide, 4e-3, faults, "bf16 beside torch's")
        with _noting(faults, TORCH_FP8):
            _compare(fp8, peers[TORCH_FP8](*arguments), SAME_CODES, faults, "FP8 beside torch's")
        del fp8, wide
    calls: Calls = {key: lambda library=library: library(*resident) for key, library in libraries.items()}  # type: ignore[misc]
    calls |= {key: lambda peer=peer: peer(*arguments) for key, peer in peers.items()}  # type: ignore[misc]
    taken = session.timed(calls, faults)
    return [row("block", name, taken.pop(OURS), taken, flops=work.flops)]


def _odd(session: _Session, odd: block.Odd, faults: list[str]) -> list[Row]:
    ours: Calls = {}
    theirs: Calls = {}
    for is_padded in (False, True):
        contraction = odd.contraction(is_padded)
        arguments = [_random(shape, block.BF16) for shape in (contraction.a, contraction.b)]
        resident = [steelyard.device_put(argument, copy=True) for argument in arguments]
        matmul = torch.compile(contraction.torch_bf16(torch), dynamic=False)
        theirs[TORCH_PADDED if is_padded else TORCH] = lambda m=matmul, a=arguments: m(*a)  # type: ignore[misc]
        want = matmul(*arguments)
        for dtype, tolerance in (("FP8", ROUNDED), ("bf16", 4e-3)):
            library = session.library(contraction.name, dtype)
            ours[f"{dtype}, {is_padded}"] = lambda f=library, a=resident: f(*a)  # type: ignore[misc]
            with _noting(faults, f"{dtype}{', padded' if is_padded else ''}"):
                _compare(_in_torch(library(*resident)), want, tolerance, faults, f"{dtype} beside torch's bf16")
        del want
    taken = session.timed(ours | theirs, faults)
    rows = []
    for dtype in ("FP8", "bf16"):
        peers = {PADDED: taken[f"{dtype}, True"]} | {name: taken[name] for name in theirs if name in taken}
        rows.append(row("odd", f"{odd.name}, {dtype}", taken[f"{dtype}, False"], peers))
    return rows


def _chain(session: _Session, chain: chains.Chain, seed: int, faults: list[str]) -> list[Row]:
    arguments = [_random(argument.shape, jax.numpy.dtype(argument.dtype)) for argument in chain.arguments]
    library = session.library(chain.name)
    resident = [steelyard.device_put(argument, copy=True) for argument in arguments]
    peer = torch.compile(chain.in_torch(torch), dynamic=False)
    units = tuple(output.unit for output in chain.outputs)
    want: Any = None
    with _noting(faults, "results"):
        want = peer(*arguments)
        _compare(_in_torch(library(*resident)), want, chain.tolerance, faults, "beside torch.compile", units)
    calls: Calls = {OURS: lambda: library(*resident), TORCH: lambda: peer(*arguments)}
    if session.jax_timer:
        with _noting(faults, JAX):
            torch.cuda.synchronize()
            there = [jax.dlpack.from_dlpack(argument) for argument in arguments]
            jitted = jax.jit(chain.in_jax())
            results = jitted(*there)
            if want is not None:
                _compare(_in_torch(results), want, chain.tolerance, faults, "jax.jit beside torch.compile", units)
            del results
            calls[JAX] = lambda: jitted(*there)
    del want
    taken = session.timed(calls, faults)
    more = {"bytes": chain.bytes, "words": chain.words, "seed": seed}
    return [row("chains", chain.name, taken.pop(OURS), taken, session.floor(chain.bytes), **more)]


def _timed_steps(step: Callable[[], Any], wait: Callable[[Any], Any]) -> float:
    """Milliseconds a step, of many that are waited for once."""
    last: Any = None
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


def _of_jax(function: Callable[..., Any], step: steps.Step) -> tuple[float, float, float]:
    """Milliseconds a step of jax.jit, and its losses before the steps and after."""
    training = _Training(jax.jit(function, donate_argnums=steps.DONATED), *jax.device_put(([*step.state], [*step.batch])))
    first = float(training())
    taken = _timed_steps(training, lambda loss: loss.block_until_ready())
    return taken, first, float(training())


def _step(session: _Session, step: steps.Step, faults: list[str]) -> list[Row]:
    peers: dict[str, float] = {}
    first = want = float("nan")
    with _noting(faults, JAX):
        peers[JAX], first, want = _of_jax(step.function, step)
    if step.mixed:
        with _noting(faults, JAX_BF16):
            peers[JAX_BF16] = _of_jax(step.mixed, step)[0]
    gc.collect()
    rows = []
    for name in step.contenders:
        if not session.path(step.name, name).exists():
            continue
        with _noting(faults, name):
            state = [np.asarray(leaf) for leaf in jax.tree.leaves(step.state)]
            batch = [steelyard.device_put(np.asarray(leaf)) for leaf in jax.tree.leaves(step.batch)]
            training = _Training(session.library(step.name, name), state, batch)
            begun = float(training())
            taken = _timed_steps(training, float)
            loss = float(training())
            rows.append(row("steps", f"{step.name}/{name}", taken, peers, loss=loss, loss_of_peer=want))
            for ours, theirs, what in ((begun, first, "at first"), (loss, want, "after the steps")):
                if not abs(ours - theirs) <= 0.05 * abs(theirs) + 0.01 * abs(first):
                    faults.append(f"{name}: loss {ours:.5f} {what}, jax.jit's {theirs:.5f}")
    return rows


def _all(session: _Session, folder: pathlib.Path) -> None:
    types = ("FP8", "bf16")
    for kernel in kernels.all_kernels():
        session.attempt("kernels", kernel.name, partial(_kernel, session, kernel), session.path(kernel.name))
    for linear in block.linears():
        for contraction in linear.contractions():
            shapes, name = (contraction.a, contraction.b), contraction.name
            paths = [session.path(name, dtype) for dtype in types]
            session.attempt("block", name, partial(_contraction, session, name, contraction, shapes), *paths)
    for linear in block.linears():
        name = block.joint_name(linear)
        paths = [session.path(name, dtype) for dtype in types]
        session.attempt("block", name, partial(_contraction, session, name, linear, linear.shapes), *paths)
    for odd in block.odd_sizes():
        both = [odd.contraction(is_padded).name for is_padded in (False, True)]
        paths = [session.path(name, dtype) for name in both for dtype in types]
        session.attempt("odd", odd.name, partial(_odd, session, odd), *paths)
    if (folder / chains.FILE).exists():
        seed, drawn = chains.load(folder / chains.FILE)
        print(f"chains drawn with seed {seed}", flush=True)
        for chain in drawn:
            session.attempt("chains", chain.name, partial(_chain, session, chain, seed), session.path(chain.name))
    for step in steps.all_steps():
        paths = [path for name in step.contenders if (path := session.path(step.name, name)).exists()]
        if paths:
            session.attempt("steps", step.name, partial(_step, session, step), *paths)


def measure(folder: pathlib.Path, only: str, log: pathlib.Path) -> int:
    """All that the log does not name; the exit status."""
    try:
        _all(_Session(folder, only, _Log(log)), folder)
    except _Broken:
        print("the device can't be used by this process any more", flush=True)
        return BROKEN
    return 0
