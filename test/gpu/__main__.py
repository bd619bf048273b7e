# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""See the package."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys


def of_numbers(options: argparse.Namespace) -> int:
    from gpu import numbers

    if options.command == "run-numbers":
        return 0 if numbers.run(options.folder, options.workers) else 1
    figures, faults = numbers.check(options.path)
    print(json.dumps(figures))
    print("\n".join(faults))
    return 1 if faults else 0


def compile_programs(options: argparse.Namespace) -> None:
    from steelyard._runtime import Target

    target = Target(options.target, chip=options.chip)
    if options.command == "prepare-edges":
        from gpu.prepare_edges import prepare as compile_edges

        compile_edges(options.folder, options.names, target, options.cpu)
    else:
        from gpu.prepare import SCHEMES, prepare

        prepare(options.folder, options.names, options.scheme or list(SCHEMES), target, options.cpu)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gpu", description="The execution corpus on a GPU.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (("prepare", "the corpus"), ("prepare-edges", "programs of unusual sizes")):
        prepare = commands.add_parser(name, help=f"compile {what} for a GPU, or another CPU; needs neither")
        prepare.add_argument("folder", type=pathlib.Path)
        prepare.add_argument("--target", choices=("cuda", "cpu"), default="cuda")
        prepare.add_argument("--chip", default="sm_90a")
        prepare.add_argument(
            "--cpu", default="x86-64-v3", help="for code on the CPU, in LLVM's names (default: %(default)s)"
        )
        prepare.add_argument("names", nargs="*", help="of programs; all unless given, of the scheme delayed a few")
        if name == "prepare":
            prepare.add_argument("--scheme", action="append", help='"", scaled and delayed unless given')
    run = commands.add_parser("run", help="run what was prepared; needs no compiler")
    run.add_argument("folder", type=pathlib.Path)
    run.add_argument("--workers", type=int, default=4)
    check = commands.add_parser("check", help="run one program, in this process")
    check.add_argument("path", type=pathlib.Path)
    prepare = commands.add_parser("prepare-numbers", help="compile elementary functions and casts; needs no GPU")
    prepare.add_argument("folder", type=pathlib.Path)
    prepare.add_argument("--chip", default="sm_90a")
    prepare.add_argument("--only", default="", help="names that contain this, e.g. function-tanh, cast-f32")
    run = commands.add_parser("run-numbers", help="check what was prepared; needs no compiler")
    run.add_argument("folder", type=pathlib.Path)
    run.add_argument("--workers", type=int, default=4)
    check = commands.add_parser("check-numbers", help="check one library, in this process")
    check.add_argument("path", type=pathlib.Path)
    options = parser.parse_args()
    os.environ["STEELYARD_BLAS"] = "builtin"  # the CPU target's bits don't depend on which library a machine has
    if options.command in ("prepare", "prepare-edges"):
        compile_programs(options)
        return 0
    if options.command == "prepare-numbers":
        from gpu.prepare_numbers import prepare as compile_numbers

        compile_numbers(options.folder, options.chip, options.only)
        return 0
    if options.command.endswith("-numbers"):
        return of_numbers(options)
    from gpu import run as runner

    if options.command == "run":
        return 0 if runner.run(options.folder, options.workers) else 1
    faults = runner.check(options.path)
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
