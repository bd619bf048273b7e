# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""See the package."""

from __future__ import annotations

import argparse
import pathlib
import sys


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description="Compiled code on a GPU beside its peers."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="compile; needs no GPU")
    prepare.add_argument("folder", type=pathlib.Path)
    prepare.add_argument("--chip", default="sm_90a")
    run = commands.add_parser("run", help="check and time what was prepared; needs no compiler")
    run.add_argument("folder", type=pathlib.Path)
    for command in (prepare, run):
        command.add_argument("--only", default="", help="names that contain this")
    options = parser.parse_args()
    if options.command == "prepare":
        from benchmarks.gpu.prepare import prepare as compile_all

        compile_all(options.folder, options.chip, options.only)
        return 0
    from benchmarks.gpu.run import run as run_all

    return 0 if run_all(options.folder, options.only) else 1


if __name__ == "__main__":
    sys.exit(main())
