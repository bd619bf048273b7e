# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""See the package."""

from __future__ import annotations

import argparse
import pathlib
import sys

from benchmarks.gpu.chains import SEED


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description="Compiled code on a GPU beside its peers."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="compile; needs no GPU")
    prepare.add_argument("--chip", default="sm_90a")
    prepare.add_argument("--seed", type=int, default=SEED, help="of the chains (default: %(default)s)")
    run = commands.add_parser("run", help="check and time what was prepared; needs no compiler")
    run.add_argument(
        "--output-dir", type=pathlib.Path, default=pathlib.Path("build/gpu-bench"), help="for gpu.json and a page"
    )
    run.add_argument("--patience", type=float, default=300, help="seconds that one piece of work may take")
    measure = commands.add_parser("measure", help="what run does, in one process")
    measure.add_argument("--log", type=pathlib.Path, required=True, help="lines of JSON; what they name is left out")
    for command in (prepare, run, measure):
        command.add_argument("folder", type=pathlib.Path)
        command.add_argument(
            "--only", default="", help='a part of group/name: "kernels/", "block", "odd", "chains", "digits"'
        )
    page = commands.add_parser("page", help="write docs/speed-gpu.md from docs/results/gpu.json")
    page.add_argument("--docs", type=pathlib.Path, default=pathlib.Path("docs"))
    return parser.parse_args(given)


def main() -> int:
    options = arguments()
    if options.command == "prepare":
        from benchmarks.gpu.prepare import prepare as compile_all

        return 0 if compile_all(options.folder, options.chip, options.only, options.seed) else 1
    if options.command == "measure":
        from benchmarks.gpu.measure import measure as measure_all

        return measure_all(options.folder, options.only, options.log)
    if options.command == "page":
        from benchmarks.gpu import report

        (options.docs / report.PAGE).write_text(report.page(report.read(options.docs / report.RESULTS)))
        return 0
    from benchmarks.gpu.run import run as run_all

    return 0 if run_all(options.folder, options.only, options.output_dir, options.patience) else 1


if __name__ == "__main__":
    sys.exit(main())
