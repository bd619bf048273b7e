# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Workers that run cases for a bounded time."""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import queue
import sys
import time
from typing import Any

from tqdm import tqdm

from fuzz.cases import Find


def fuzzer(kind: str, target: str = "cpu") -> Any:
    if kind == "parser":
        from fuzz.parser import ParserFuzzer

        return ParserFuzzer()
    if target == "cuda":
        from fuzz.device import DeviceFuzzer

        return DeviceFuzzer()
    from fuzz.pipeline import PipelineFuzzer

    return PipelineFuzzer()


def work(kind: str, target: str, seed: int, numbers: range, seconds: float, outcomes: Any) -> None:
    """Every case of ``numbers`` until the time is over."""
    cases, end = fuzzer(kind, target), time.monotonic() + seconds
    for number in numbers:
        if time.monotonic() > end:
            break
        outcomes.put((number, cases.run(seed, number)))


def hunt(options: argparse.Namespace) -> tuple[collections.Counter[str], dict[str, Find]]:
    """Counts of outcomes, and the first find of each key."""
    context = multiprocessing.get_context("spawn")
    outcomes = context.Queue()
    workers = [
        context.Process(
            target=work,
            args=(
                options.kind,
                options.target,
                options.seed,
                range(i, options.cases, options.jobs),
                options.seconds,
                outcomes,
            ),
        )
        for i in range(options.jobs)
    ]
    for worker in workers:
        worker.start()
    counts: collections.Counter[str] = collections.Counter()
    finds: dict[str, Find] = {}
    with tqdm(total=0, unit=" modules", disable=None) as bar:
        while any(w.is_alive() for w in workers) or not outcomes.empty():
            try:
                number, outcome = outcomes.get(timeout=0.5)
            except queue.Empty:
                continue
            bar.update()
            counts[outcome.kind] += 1
            if outcome.find and outcome.find.key not in finds:
                finds[outcome.find.key] = outcome.find
                bar.write(f"case {number}: {outcome.find.key}", file=sys.stderr)
    if any(worker.exitcode for worker in workers):
        raise SystemExit("fuzz: a worker ended by itself; see above")
    return counts, finds
