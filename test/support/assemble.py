# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Assembles the PTX of a module's gpu.binary by ptxas, and prints what each kernel takes.

``steelyard-opt IN.mlir --steelyard-cuda-kernels --steelyard-cuda-binary | assemble.py [--chip sm_90a]``: a line a kernel,
``rows_0: 48 registers, 0 bytes of spills, 32 bytes shared``. Exit status 1 with ptxas's words if it refuses the code.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile

OBJECT = re.compile(r'assembly = "((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(r'\\([0-9A-F]{2}|[\\"nt])')


#: ptxas and libdevice, from PyPI's nvidia-cuda-nvcc-cu12: a toolkit's folder as far as compiling kernels goes.
TOOLKIT = pathlib.Path(sysconfig.get_path("purelib")) / "nvidia" / "cuda_nvcc"


def find_ptxas() -> str | None:
    """The pinned package's, else the one on PATH."""
    packaged = TOOLKIT / "bin" / "ptxas"
    return str(packaged) if packaged.exists() else shutil.which("ptxas")


def unescape(text: str) -> str:
    named = {"n": "\n", "t": "\t", "\\": "\\", '"': '"'}
    return ESCAPE.sub(lambda m: named.get(m[1]) or chr(int(m[1], 16)), text).rstrip("\0")


def assemble(ptx: str, chip: str) -> list[str]:
    ptxas = find_ptxas()
    if ptxas is None:
        raise FileNotFoundError("no ptxas: pip install nvidia-cuda-nvcc-cu12, or the CUDA toolkit on PATH")
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "kernels.ptx"
        source.write_text(ptx)
        command = [ptxas, f"-arch={chip}", "-v", "-o", f"{folder}/kernels.cubin", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    lines = []
    for part in re.split(r"Compiling entry function '", done.stderr)[1:]:
        name = part.split("'")[0]
        spilled = sum(map(int, re.findall(r"(\d+) bytes spill", part)))
        registers = re.search(r"Used (\d+) registers", part)
        shared = re.search(r"(\d+) bytes smem", part)
        assert registers
        lines.append(
            f"{name}: {registers[1]} registers, {spilled} bytes of spills, {shared[1] if shared else 0} bytes shared"
        )
    return sorted(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chip", default="sm_90a")
    options = parser.parse_args()
    found = OBJECT.findall(sys.stdin.read())
    if not found:
        print("no PTX in the input", file=sys.stderr)
        return 1
    try:
        for text in found:
            print("\n".join(assemble(unescape(text), options.chip)))
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
