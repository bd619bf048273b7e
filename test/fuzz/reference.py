# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""jaxlib's own compiler, in a process of its own."""

from __future__ import annotations

import os
import pathlib
import pickle
import re
import select
import subprocess
import sys

import numpy as np

TIMEOUT = 60.0
Results = list[np.ndarray]


def _serve() -> None:
    """Answers requests on standard input on what was standard output; what else writes there goes to standard error."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from jax._src import compiler, xla_bridge
    from jax._src.interpreters.mlir import make_ir_context
    from jaxlib.mlir import ir

    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    client = xla_bridge.get_backend("cpu")
    devices = client.devices()[:1]
    while True:
        try:
            text, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer: Results | str = []
        try:
            with make_ir_context():
                ir.Module.parse(text)
            if arguments is not None:
                executable = client.compile_and_load(text, devices, compiler.get_compile_options(1, 1))
                results = executable.execute([jax.device_put(a, devices[0]) for a in arguments])
                answer = [np.asarray(r) for r in results]
        except Exception as error:
            answer = str(error)
        pickle.dump(answer, output)
        output.flush()


class Reference:
    """Compiles and runs modules with XLA; a process that dies is started anew."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        tests = os.fspath(pathlib.Path(__file__).resolve().parents[1])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fuzz.reference"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (tests, os.environ.get("PYTHONPATH"))))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # XLA has crashes of its own
        )

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self, text: str, arguments: Results | None) -> Results | str:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin and stdout
        try:
            pickle.dump((text, arguments), stdin)
            stdin.flush()
            if select.select([stdout], [], [], TIMEOUT)[0]:
                answer: Results | str = pickle.load(stdout)
                return answer
        except (EOFError, OSError, pickle.UnpicklingError):
            pass
        self._process.kill()
        self._process.wait()
        self._start()
        return "the reference itself failed"

    def run(self, text: str, arguments: Results) -> Results | str:
        """The results of @main, or why there are none."""
        return self._ask(text, arguments)

    def accepts(self, text: str) -> bool:
        return self._ask(text, None) == []


#: Infinities and NaN in bits, by type; other bits are left alone, their module is not read then.
BITS = {"f16": "FC00 7C00 7E00", "bf16": "FF80 7F80 7FC0", "f32": "FF800000 7F800000 7FC00000"}
WIDE_BITS = "FFF0000000000000 7FF0000000000000 7FF8000000000000"


def in_float64(text: str, *types: str) -> str:
    """The same program with float64 wherever there was one of these types (float32)."""
    for kind in types or ("f32",):
        text = re.sub(rf"\b{kind}\b|(?<=x){kind}\b", "f64", text)
        for bits, wide in zip(BITS[kind].split(), WIDE_BITS.split(), strict=True):
            text = re.sub(rf"0x{bits}\b", f"0x{wide}", text)
    return text


def rounded(text: str, bits: int) -> str:
    """With each float result rounded to so many significant bits: what storage of that precision costs."""
    lines = []
    for line in text.splitlines():
        lines.append(line)
        found = re.match(r"(\s*)(%\w+) = (?:stablehlo|chlo)\.[^{]*[^{(]$", line)
        types = re.findall(r"tensor<[^<>]*>", line)
        if found and types and re.search(r"\bf(32|64)>$|xf(32|64)>$", types[-1]) and not line.rstrip().endswith("{"):
            raw = f"{found[2]}_raw"
            lines[-1] = line.replace(found[2], raw, 1)
            lines.append(f"{found[1]}{found[2]} = stablehlo.reduce_precision {raw}, format = e11m{bits - 1} : {types[-1]}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    _serve()
