# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The program that forks a child for each module, and what it says of one."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import signal
import struct
import subprocess

import ml_dtypes  # noqa: F401  NumPy knows its types by name
import numpy as np
from steelyard._types import DTYPES

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build"))
#: Of the last the server knows nothing: ``fuzz.device``.
ROUND_TRIP, RUN, DEVICE = 0, 1, 2
#: Of one child: seconds of its processor time, bytes of its memory.
SECONDS, MEMORY = 20, 4 << 30


@dataclasses.dataclass(frozen=True)
class Answer:
    """How a child ended: ``kind`` is accepted, ran, failed (a call said so), rejected, endless (what it compiled did not
    end); or a find: bad, crash, hang."""

    kind: str
    message: str
    results: tuple[np.ndarray, ...] = ()

    @property
    def is_find(self) -> bool:
        return self.kind in ("bad", "crash", "hang")


def _arrays(types: str, data: bytes) -> tuple[np.ndarray, ...]:
    arrays, at = [], 0
    for entry in filter(None, types.split(";")):
        element, *sizes = entry.split(",")
        shape = tuple(map(int, sizes))
        dtype = DTYPES[element]
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        arrays.append(np.frombuffer(data[at : at + size], dtype).reshape(shape))
        at += size
    return tuple(arrays)


class Server:
    """One process of build/bin/fuzz-server; it is started anew if it should end."""

    def __init__(self) -> None:
        environment = {**os.environ, "STEELYARD_CACHE_DIR": "", "STEELYARD_THREADS": "2"}
        self._process = subprocess.Popen(
            [BUILD / "bin" / "fuzz-server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def ask(self, mode: int, text: str, scheme: str = "", arguments: bytes = b"") -> Answer:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin and stdout
        stdin.write(struct.pack("<qqq", mode, SECONDS, MEMORY))
        for part in (scheme.encode(), text.encode("utf-8", "surrogateescape"), arguments):
            stdin.write(struct.pack("<q", len(part)) + part)
        stdin.flush()
        status = struct.unpack("<q", stdout.read(8))[0]
        out, err = (stdout.read(struct.unpack("<q", stdout.read(8))[0]) for _ in range(2))
        said = err.decode("utf-8", "replace").strip()
        is_compiled = out.startswith(b"compiled\n")
        out = out.removeprefix(b"compiled\n")
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            is_slow = number in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL)
            kind = "crash" if not is_slow else "endless" if is_compiled else "hang"
            return Answer(kind, f"{signal.Signals(number).name}: {said}")
        if os.WEXITSTATUS(status) or not out:
            return Answer("crash", f"exit status {os.WEXITSTATUS(status)}: {said}")
        kind, _, rest = out.partition(b"\n")
        if kind == b"ran":
            types, _, data = rest.partition(b"\n")
            return Answer("ran", "", _arrays(types.decode(), data))
        return Answer(kind.decode(), rest.decode("utf-8", "replace"))
