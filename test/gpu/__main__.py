# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""See the package."""

from __future__ import annotations

import argparse
import pathlib
import sys


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gpu", description="The execution corpus on a GPU.")
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="compile for a GPU; needs none")
    prepare.add_argument("folder", type=pathlib.Path)
    prepare.add_argument("--chip", default="sm_90a")
    prepare.add_argument("--scheme", action="append", help='"" and scaled unless given')
    prepare.add_argument("names", nargs="*", help="programs; all unless given")
    run = commands.add_parser("run", help="run what was prepared; needs no compiler")
    run.add_argument("folder", type=pathlib.Path)
    run.add_argument("--workers", type=int, default=4)
    check = commands.add_parser("check", help="run one program, in this process")
    check.add_argument("path", type=pathlib.Path)
    options = parser.parse_args()
    if options.command == "prepare":
        from corpus import PROGRAMS

        from gpu.prepare import SCHEMES
        from gpu.prepare import prepare as compile_all

        compile_all(options.folder, options.names or list(PROGRAMS), options.scheme or list(SCHEMES), options.chip)
        return 0
    from gpu import run as runner

    if options.command == "run":
        return 0 if runner.run(options.folder, options.workers) else 1
    faults = runner.check(options.path)
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
