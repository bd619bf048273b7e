# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Has all work measured, by as many processes as that takes, and writes what came of it.

One process measures what it can. When it crashes, hangs or loses its device, the next goes on behind the work that did it.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys
import time
from typing import Any

from workloads import results

from benchmarks.gpu import report


@dataclasses.dataclass
class Log:
    """What the processes wrote: the machine, its versions, rows, and faults by the name of the work."""

    machine: str
    versions: dict[str, str]
    rows: list[report.Row]
    faults: dict[str, list[str]]


def read_log(path: pathlib.Path) -> Log:
    log = Log("", {}, [], {})
    for line in path.read_text().splitlines() if path.exists() else []:
        entry: dict[str, Any] = json.loads(line)
        if "machine" in entry:
            log.machine, log.versions = entry["machine"], entry["versions"]
        elif "begin" in entry:
            log.faults[entry["begin"]] = ["did not come to an end"]
        else:
            log.rows += entry["rows"]
            log.faults[entry["end"]] = entry["faults"]
    return log


def _grown(log: pathlib.Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _one_process(command: list[str], log: pathlib.Path, patience: float) -> int:
    """Its exit status; it is ended when the log has not grown for so many seconds."""
    with subprocess.Popen(command) as process:
        size, since = _grown(log), time.monotonic()
        while True:
            try:
                return process.wait(1.0)
            except subprocess.TimeoutExpired:
                pass
            if _grown(log) != size:
                size, since = _grown(log), time.monotonic()
            elif time.monotonic() - since > patience:
                process.kill()
                return process.wait()


def _measure(command: list[str], log: pathlib.Path, patience: float) -> bool:
    """Whether a process came to the end of the work."""
    while True:
        begun = len(read_log(log).faults)
        status = _one_process(command, log, patience)
        if status == 0:
            return True
        print(f"a measuring process ended with status {status}", flush=True)
        if len(read_log(log).faults) == begun:  # the next one would end there too
            return False


def run(folder: pathlib.Path, only: str, output: pathlib.Path, patience: float) -> bool:
    """Whether all was measured and is right."""
    output.mkdir(parents=True, exist_ok=True)
    path = output / "log.jsonl"
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.gpu", "measure", str(folder), "--only", only, "--log", str(path)]
    came_to_the_end = _measure(command, path, patience)
    log = read_log(path)
    commit = folder / "COMMIT"
    common = {
        "machine": log.machine,
        "versions": log.versions,
        "commit": commit.read_text().strip() if commit.exists() else "",
    }
    measured = [one | common for one in log.rows]
    if measured:
        rows = report.merged(report.read(output / "gpu.json"), measured)
        results.write(output / "gpu.json", rows)
        text = report.page(rows)
        (output / report.PAGE).write_text(text)
        print(text)
    faulty = {name: faults for name, faults in log.faults.items() if faults}
    for name, faults in faulty.items():
        print(f"{name}: {'; '.join(faults)}")
    print(f"{len(log.faults) - len(faulty)} of {len(log.faults)} pieces of work were measured and are right; {output}")
    return came_to_the_end and bool(measured) and not faulty
