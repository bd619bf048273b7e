# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fuzzes for a bounded time; prints how often what happened, and each find with the command that shows it."""

from __future__ import annotations

import argparse
import pathlib
import sys

from fuzz.cases import Find
from fuzz.hunt import fuzzer, hunt
from fuzz.server import BUILD, DEVICE, ROUND_TRIP


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("kind", choices=["parser", "pipeline", "show"])
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="of show: what was saved")
    parser.add_argument(
        "--target", choices=["cpu", "cuda"], default="cpu", help="of pipeline; for cuda they are only compiled"
    )
    parser.add_argument("--prepare", type=pathlib.Path, metavar="DIR", help="of cuda: save cases for python -m gpu run DIR")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--cases", type=int, default=sys.maxsize, help="at most so many (of --prepare: 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--case", type=int, help="print this one's module")
    parser.add_argument("--output-dir", type=pathlib.Path, default=BUILD / "fuzz")
    options = parser.parse_args()
    if options.kind == "show":
        status = 0
        for path in options.files:
            find = Find.load(path)
            kind = "parser" if find.mode == ROUND_TRIP else "pipeline"
            now = fuzzer(kind, "cuda" if find.mode == DEVICE else "cpu").again(find)
            print(f"{path}: {now.message if now else 'nothing is wrong'}")
            status |= now is not None
        return status
    if options.case is not None:
        print(fuzzer(options.kind).text(options.seed, options.case))
        return 0
    if options.prepare:
        if options.kind != "pipeline" or options.target != "cuda":
            parser.error("--prepare goes with pipeline --target cuda")
        cases = 100 if options.cases == sys.maxsize else options.cases
        prepared = fuzzer(options.kind, options.target).prepare(options.prepare, options.seed, cases)
        print(f"{prepared} of {cases} programs are in {options.prepare}")
        return 0 if prepared else 1
    counts, finds = hunt(options)
    for kind, count in sorted(counts.items()):
        print(f"{kind:10} {count:8}")
    options.output_dir.mkdir(parents=True, exist_ok=True)
    for number, find in enumerate(finds.values()):
        target = "" if options.target == "cpu" else f"-{options.target}"
        path = options.output_dir / f"{options.kind}{target}-{options.seed}-{number:02}.mlir"
        find.save(path)
        fuzzer(options.kind, options.target).minimise(find).save(path)
        print(f"found: python -m fuzz show {path}\n       {find.key}")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
