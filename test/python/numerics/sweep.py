# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every float32 pattern through every cast: `make check-full`, or `python sweep.py --output docs/results/casts.json`.

For each format, rounding and saturation the compiled loop, the scalar library and, for nearest even without
saturation, ml_dtypes have to give the same codes, monotonically. Half an hour on two cores; results are kept after
each format, and a second call with the same machine code goes on where the first one ended.
"""

import argparse
import ctypes
import functools
import hashlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
from support import (
    MLIR_FORMATS,
    MODES,
    REPOSITORY,
    Format,
    Rounding,
    by_name,
    call,
    casts_module,
    compile_module,
    encode_name,
    library,
    supports,
)
from test_round import ml_dtypes_codes
from tqdm import tqdm

ALL = 1 << 32
BLOCK = 1 << 20


def compare_scalar(
    compiled: Sequence[ctypes.CDLL], f: Format, rounding: Rounding, saturate: bool, begin: int, end: int
) -> tuple[int, int]:
    """How many patterns of [begin, end) differ between compiled code and scalar library, or break order; the first."""
    first = np.zeros(1, np.uint32)
    name = encode_name(f, rounding, saturate)
    functions = (ctypes.c_void_p * len(compiled))(*(ctypes.cast(getattr(c, name), ctypes.c_void_p).value for c in compiled))
    wrong = library().sy_sweep(
        f.struct,
        ctypes.c_int32(rounding),
        ctypes.c_int32(saturate),
        functions,
        ctypes.c_int64(len(compiled)),
        ctypes.c_int64(f.storage().itemsize),
        ctypes.c_int64(begin),
        ctypes.c_int64(end),
        ctypes.c_void_p(first.ctypes.data),
    )
    return int(wrong), int(first[0])


def compare_ml_dtypes(compiled: ctypes.CDLL, f: Format, begin: int, end: int) -> tuple[int, int]:
    """The same between compiled code and ml_dtypes, nearest even."""
    wrong, first = 0, 0
    name = encode_name(f, Rounding.nearest_even, False)
    for at in range(begin, end, BLOCK):
        values = np.arange(at, min(at + BLOCK, end), dtype=np.uint32).view(np.float32)
        bad = np.flatnonzero(call(compiled, name, values, None, f.storage) != ml_dtypes_codes(f, values))
        if bad.size and not wrong:
            first = at + int(bad[0])
        wrong += bad.size
    return wrong, first


@functools.cache
def compile_for(cpus: Sequence[str]) -> Sequence[ctypes.CDLL]:
    module = casts_module(MLIR_FORMATS)
    return tuple(compile_module(module, cpu) for cpu in cpus)


def fingerprint(cpus: Sequence[str]) -> str:
    """Of the machine code that is compared."""
    digest = hashlib.sha256()
    for loaded in (library(), *compile_for(cpus)):
        digest.update(Path(loaded._name).read_bytes())
    return digest.hexdigest()[:16]


Task = tuple[tuple[str, ...], str, str, bool, int, int]


def _task(task: Task) -> tuple[str, int, int, int]:
    cpus, name, against, saturate, begin, end = task
    compiled = compile_for(cpus)
    f = by_name[name]
    if against == "ml_dtypes":
        return (against, *compare_ml_dtypes(compiled[0], f, begin, end), end - begin)
    return (against, *compare_scalar(compiled, f, Rounding[against], saturate, begin, end), end - begin)


def _tasks(cpus: tuple[str, ...], f: Format, parts: int) -> Iterator[Task]:
    step = ALL // parts
    for begin in range(0, ALL, step):
        for rounding, saturate in MODES:
            yield cpus, f.name, rounding.name, saturate, begin, begin + step
        yield cpus, f.name, "ml_dtypes", False, begin, begin + step


def row(
    f: Format,
    cpus: Sequence[str],
    patterns: int,
    wrong: dict[str, int],
    firsts: dict[str, str],
    seconds: float,
    commit: str,
    code: str,
) -> dict[str, object]:
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    return {
        "name": f"casts from float32 to {f.name}, code for {' and '.join(cpus)}: patterns that differ",
        "value": sum(wrong.values()),
        "unit": f"of {patterns} comparisons",
        "better": "lower",
        "peers": {},
        "floor": 0,
        "target": 0,
        "differ": wrong,
        "first": firsts,
        "seconds": round(seconds),
        "machine": f"{model.split(':')[1].strip()}, {platform.system()} {platform.machine()}, 2 processes",
        "versions": {name: version(name) for name in ("ml_dtypes", "numpy")} | {"python": platform.python_version()},
        "commit": commit,
        "code": code,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--cpus", nargs="*", default=["haswell", "native"], help="instruction sets of the compiled code")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--formats", nargs="*", default=[f.name for f in MLIR_FORMATS])
    options = parser.parse_args()
    cpus = tuple(options.cpus)
    for cpu in cpus:
        if not supports(cpu):
            parser.error(f"this machine does not run code for {cpu}")
    rows = json.loads(options.output.read_text()) if options.output.exists() else []
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    commit = subprocess.check_output(describe, cwd=REPOSITORY, text=True).strip()  # of what runs from here on
    code = fingerprint(cpus)
    for f in (by_name[name] for name in options.formats):
        prefix = f"casts from float32 to {f.name}, code for {' and '.join(cpus)}:"
        if any(r["name"].startswith(prefix) and r.get("code") == code for r in rows):
            print(f"{f.name}: done before", flush=True)
            continue
        rows = [r for r in rows if not r["name"].startswith(prefix)]
        began, total = time.monotonic(), 0
        wrong: dict[str, int] = {}
        firsts: dict[str, str] = {}
        tasks = list(_tasks(cpus, f, 64))
        with ProcessPoolExecutor(options.processes) as pool:
            results = pool.map(_task, tasks)
            for task, (against, count, first, size) in zip(tasks, tqdm(results, f.name, len(tasks)), strict=True):
                key = f"{against}{' saturating' if task[3] else ''}"
                if count and not wrong.get(key):
                    firsts[key] = hex(first)
                wrong[key] = wrong.get(key, 0) + count
                total += size
        rows.append(row(f, cpus, total, wrong, firsts, time.monotonic() - began, commit, code))
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(rows, indent=1) + "\n")
        print(f"{f.name}: {sum(wrong.values())} of {total} comparisons differ {wrong}", flush=True)
    return int(any(r["value"] for r in rows))


if __name__ == "__main__":
    sys.exit(main())
