# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The pipeline's programs for NVIDIA GPUs, without one: they compile, and ptxas assembles every kernel without spills.

Those that have one right result are prepared for a GPU: compiled ahead of time, with arguments and what they have to give
(``python -m gpu run``).
"""

from __future__ import annotations

import itertools
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from gpu.run import codes
from steelyard._runtime import Target, _for
from tqdm import tqdm

from fuzz.cases import Find, Outcome, find_of
from fuzz.minimise import minimise
from fuzz.pipeline import (
    UNSUPPORTED,
    PipelineFuzzer,
    arguments_of,
    distance,
    is_specified,
    limit,
    scheme_of,
    tolerance,
)
from fuzz.server import BUILD, DEVICE, MEMORY, REPOSITORY, SECONDS, Answer

sys.path.insert(0, str(REPOSITORY / "test" / "support"))
import assemble  # noqa: E402

CHIP, HOST = "sm_90a", "x86-64-v3"
IMAGE = re.compile(r'global internal constant @steelyard_gpu_image\("((?:[^"\\]|\\.)*)"\)')
#: Results that rounding may change by a part of this much of what is allowed are prepared.
CERTAIN = 4.0


#: What a tool is started by, with limits of time and memory.
LIMITED = ("sh", "-c", f'ulimit -t {SECONDS} -v {MEMORY >> 10} -c 0; exec "$@"', "sh")


def _run(command: Sequence[Any], text: str) -> tuple[Answer | None, str]:
    """What went wrong in a tool, and what it printed."""
    try:
        done = subprocess.run(
            [*LIMITED, *command],
            input=text.encode("utf-8", "surrogateescape"),
            capture_output=True,
            check=False,
            timeout=10 * SECONDS,
        )
    except subprocess.TimeoutExpired:
        return Answer("hang", "it waits without end"), ""
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode < 0:
        kind = "hang" if -done.returncode in (signal.SIGXCPU, signal.SIGKILL) else "crash"
        return Answer(kind, f"{signal.Signals(-done.returncode).name}: {said}"), ""
    return (Answer("rejected", said) if done.returncode else None), done.stdout.decode("utf-8", "replace")


def assembled(text: str, scheme: str) -> Answer:
    """Compiles a module into PTX, and that by ptxas."""
    pipeline = f"steelyard-import,{scheme}{',' if scheme else ''}steelyard-cuda{{format=isa toolkit={assemble.TOOLKIT}}}"
    wrong, printed = _run([BUILD / "bin" / "steelyard-opt", "-", f"--pass-pipeline=builtin.module({pipeline})"], text)
    if wrong:
        return wrong
    for ptx in IMAGE.findall(printed):
        try:
            lines = assemble.assemble(assemble.unescape(ptx), CHIP)
        except RuntimeError as error:
            return Answer("bad", f"ptxas: {error}")
        spilled = [line for line in lines if ", 0 bytes of spills" not in line]
        if spilled:
            return Answer("bad", f"spills: {'; '.join(spilled)}")
    return Answer("compiled", "")


class DeviceFuzzer:
    def __init__(self) -> None:
        self._cpu = PipelineFuzzer()

    def close(self) -> None:
        self._cpu.close()

    def text(self, seed: int, number: int) -> str:
        return self._cpu.text(seed, number)

    def run(self, seed: int, number: int) -> Outcome:
        return self.check(self.text(seed, number), scheme_of(seed, number), number)

    def check(self, text: str, scheme: str, seed: int) -> Outcome:
        answer = assembled(text, scheme)
        if found := find_of(answer, text, DEVICE, scheme, seed):
            return Outcome(answer.kind, found)
        if answer.kind == "rejected" and not UNSUPPORTED.search(answer.message) and self._cpu.accepts(text):
            return Outcome("refused", Find(text, DEVICE, scheme, seed, f"refused: {answer.message}"))
        return Outcome(answer.kind)

    def again(self, find: Find) -> Find | None:
        """The find as it is now, or None."""
        return self.check(find.text, find.scheme, find.seed).find

    def minimise(self, find: Find) -> Find:
        def still(text: str) -> bool:
            now = self.again(Find(text, DEVICE, find.scheme, find.seed, ""))
            return now is not None and now.key == find.key

        text = minimise(find.text, still, tokens=False)
        return self.again(Find(text, DEVICE, find.scheme, find.seed, "")) or find

    # --- For a machine with a GPU -----------------------------------------------------------------------------------------

    def expectations(self, text: str, scheme: str, seed: int) -> dict[str, Any] | None:
        """Arguments and right results, with how far off others may be; None where that hangs on single roundings.

        The CPU target has to give them, and so has, of a program without a scheme, the reference in float32 and float64.
        """
        arguments = arguments_of(text, seed)
        if arguments is None or not is_specified(text) or self._cpu.check(text, scheme, seed).kind != "equal":
            return None
        runs = list(itertools.islice(self._cpu.ways(text, arguments, scheme), None if scheme else 2))
        if any(isinstance(run, str) for run in runs):
            return None
        wide, narrow, *few = runs
        data: dict[str, Any] = {f"argument{i}": codes(array) for i, array in enumerate(arguments)}
        for index, (exact, near) in enumerate(zip(wide, narrow, strict=True)):
            with np.errstate(over="ignore"):
                others = [exact.astype(near.dtype), near, *(run[index].astype(near.dtype) for run in few)]
            is_float = near.dtype.kind in "fV"
            want = exact if is_float and (scheme or near.dtype == np.float64) else near
            spread = max(distance(other, want.astype(near.dtype)) for other in others)
            allowed = max(tolerance(scheme), 8 * spread) if scheme else limit(near)
            if not spread <= ((0.05 if is_float else 0) if scheme else limit(near) / CERTAIN):
                return None
            data[f"want{index}"] = want.astype(np.float64) if is_float else want
            data[f"type{index}"] = np.array(near.dtype.name)
            if is_float:
                finite = np.abs(want.astype(np.float64))
                data[f"bound{index}"] = np.float64(allowed * (finite[np.isfinite(finite)].max(initial=0.0) or 1.0))
        return data

    def prepare(self, folder: pathlib.Path, seed: int, cases: int) -> int:
        """Compiles, of so many cases, those that have one right result; their number."""
        folder.mkdir(parents=True, exist_ok=True)
        options = _for(Target("cuda", chip=CHIP))
        prepared = 0
        for number in tqdm(range(cases), unit="case", disable=None):
            text, scheme = self.text(seed, number), scheme_of(seed, number)
            expected = self.expectations(text, scheme, number)
            if expected is None:
                continue
            path = folder / f"case-{seed}-{number:05}.so"
            command = [BUILD / "bin" / "steelyard-compile", "-", "-o", path, f"--cpu={HOST}", f"--scheme={scheme}"]
            command += [f"--{name}={value}" for name, value in options.items() if value]
            wrong, _ = _run(command, text)
            if wrong:
                print(f"case {number}: {wrong.kind}: {wrong.message[:300]}")
                continue
            np.savez_compressed(path.with_suffix(".npz"), **expected)
            Find(text, DEVICE, scheme, number, "").save(path.with_suffix(".mlir"))
            prepared += 1
        return prepared
