# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The corpus at magnitudes from 2^-20 to 2^20: Scalify in FP16 and plain float16 against the oracle of 11 significant bits.

``python test/python/magnitudes.py --output docs`` measures every program, and writes docs/results/corpus.json and, from it,
docs/studies/corpus.md; without --output it prints the rows, of the programs that are named. `make check-full` runs it, for
half an hour. Exit status 1 if a bound is broken.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
import steelyard
from oracle import error, evaluate
from tqdm import tqdm
from workloads import results

DOCS = pathlib.Path(__file__).parents[2] / "docs"
RESULTS, STUDY = DOCS / "results" / "corpus.json", DOCS / "studies" / "corpus.md"
SCHEME = steelyard.Scalify(matmul=None)
POWERS = (-20, -10, 0, 10, 20)
# What is multiplied by 2^power: all arguments, or the first (parameters) and the others (inputs, state, gradients) apart.
PARTS = {"all": POWERS, "first": (-20, 20), "others": (-20, 20)}
BOUND = 2.0  # times the oracle's error
# A result rounded to 11 bits is off by so much even if nothing before it was.
ROUNDING = 2.0**-12
# An oracle that is off by so much took another way (another expert, another token), or what it computes cancels: 11 bits do
# not say what is right.
UNDETERMINED = 0.1


def is_float(leaf: Any) -> bool:
    return bool(np.asarray(leaf).dtype.kind == "f")


def scaled(arguments: tuple[Any, ...], power: int, part: str = "all") -> tuple[Any, ...]:
    """The floats of a part of the arguments times 2^power."""

    def move(leaf: Any) -> Any:
        return np.ldexp(leaf, power).astype(leaf.dtype) if is_float(leaf) else leaf

    chosen = {"all": range(len(arguments)), "first": range(1), "others": range(1, len(arguments))}[part]
    return tuple(jax.tree.map(move, a) if index in chosen else a for index, a in enumerate(arguments))


def has_parts(arguments: tuple[Any, ...]) -> bool:
    """Floats in the first argument and in others."""
    first, *others = ([leaf for leaf in jax.tree.leaves(a) if is_float(leaf)] for a in arguments)
    return bool(first) and any(others)


def fits_float32(exact: Sequence[Any]) -> bool:
    """Results of such magnitudes come back in float32 as they are."""
    for value in map(np.asarray, exact):
        finite = np.abs(value[np.isfinite(value)]) if is_float(value) else np.zeros(0)
        if finite.size and finite.max() and not -100 < np.log2(finite.max()) < 127:
            return False
    return True


def compiled(name: str) -> Any:
    from corpus import PROGRAMS

    return steelyard.jit(PROGRAMS[name][0], scheme=SCHEME)


def run(step: Any, arguments: tuple[Any, ...], exact: Sequence[Any]) -> list[Any]:
    """With arguments and results in float64 where float32 does not hold the results; data is FP16 all the same."""
    if fits_float32(exact):
        return jax.tree.leaves(step(*arguments))
    with jax.enable_x64(True):
        return jax.tree.leaves(step(*jax.tree.map(lambda a: a.astype("f8") if is_float(a) else a, arguments)))


def worst(got: Sequence[Any], exact: Sequence[Any]) -> float:
    with np.errstate(all="ignore"):
        errors = [error(g, e) for g, e in zip(got, exact, strict=True)]
    return max(errors) if np.all(np.isfinite(errors)) else np.inf


@dataclasses.dataclass(frozen=True)
class Measured:
    """Errors, relative to float64's results: Scalify's, the oracle's, and what plain float16 comes to."""

    part: str
    power: int
    ours: float
    oracle: float
    plain: str

    @property
    def ratio(self) -> float:
        return self.ours / self.oracle if self.oracle else (0.0 if self.ours == 0 else np.inf)

    @property
    def holds(self) -> bool:
        """Strictly where all arguments are multiplied; apart, what one rounding costs is allowed in any case.

        Where 11 bits do not determine the result it has to be finite, unless theirs is not.
        """
        if self.oracle > UNDETERMINED:
            return bool(np.isfinite(self.ours) or not np.isfinite(self.oracle))
        return self.ours <= max(BOUND * self.oracle, 0.0 if self.part == "all" else ROUNDING)


def plain_float16(function: Any, arguments: tuple[Any, ...], exact: Sequence[Any], oracle: float) -> str:
    """What becomes of it: "overflow" (infinite or NaN where float64 is finite), "flushed" (nothing of a result is left),
    its error by the oracle's, or "refused" (JAX does not run it).
    """
    half = jax.tree.map(lambda a: a.astype("f2") if is_float(a) else a, arguments)
    try:
        got = jax.tree.leaves(jax.jit(function)(*half))
    except (TypeError, ValueError):  # a loop that does not stay float16, a contraction that XLA has not on this machine
        return "refused"
    for g, e in zip(got, exact, strict=True):
        if is_float(e) and not np.all(np.isfinite(np.asarray(g, "f8")[np.isfinite(e)])):
            return "overflow"
    ours = worst(got, exact)
    if ours > 0.5 and oracle < UNDETERMINED:
        return "flushed"
    return f"{ours / oracle:.1f}" if oracle else ("0" if ours == 0 else "inf")


def measure(name: str, step: Any, part: str, power: int, plain: bool = False) -> Measured:
    from corpus import PROGRAMS

    function, arguments = PROGRAMS[name]
    arguments = scaled(arguments, power, part)
    exact, rounded = evaluate(function, arguments, None), evaluate(function, arguments, 11)
    oracle = worst(rounded, exact)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        outcome = plain_float16(function, arguments, exact, oracle) if plain else ""
    return Measured(part, power, worst(run(step, arguments, exact), exact), oracle, outcome)


# --- The share of operations that are computed on scales ------------------------------------------------------------------

OPERATION = re.compile(r'^\s*(?:%[\w:]+(?:, %\w+)* = )?"?((?:stablehlo|chlo)\.\w+)\b')
FLOAT = re.compile(r"[<x](?:f16|f32|f64)\b")
# Regions whose operations have rules of their own; in others they are a part of the operation around.
CONTROL = {"func.func", "stablehlo.while", "stablehlo.case", "stablehlo.if"}


def float_operations(text: str) -> int:
    """Operations with floats in MLIR's text that a scale rule is asked for: no constants and ends of regions."""
    count = 0
    around: list[tuple[str, bool]] = []  # operations around the line, and whether they count once their types are read
    for line in text.splitlines():
        match = OPERATION.match(line)
        has_rule = match is not None and match[1] not in ("stablehlo.constant", "stablehlo.return")
        counts = has_rule and all(name in CONTROL for name, _ in around)
        is_float = FLOAT.search(line) is not None
        opened = line.count("{") - line.count("}")
        if opened > 0:
            if match:
                name = match[1]
            elif line.strip() == "cond {":
                name = "stablehlo.while"
            else:
                name = "func.func" if "func.func" in line or line.startswith("module") else "computation"
            around += [(name, counts and not is_float)] * opened
        counted = counts and is_float
        for _ in range(-opened):
            _, waits = around.pop()
            counted |= waits and is_float
        count += counted
    return count


@dataclasses.dataclass(frozen=True)
class Share:
    """How many operations have floats, and how many of them are computed on real values, with a remark."""

    operations: int
    real: int


def share(name: str) -> Share:
    from corpus import PROGRAMS

    step, (_, arguments) = compiled(name), PROGRAMS[name]
    before = os.environ.get("STEELYARD_DUMP")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STEELYARD_DUMP"] = folder
        try:
            remarks = steelyard.explain(step, *arguments)
        finally:
            del os.environ["STEELYARD_DUMP"]
            if before is not None:
                os.environ["STEELYARD_DUMP"] = before
        (text,) = [path.read_text() for path in pathlib.Path(folder).glob("*/01-import.mlir")]
    return Share(float_operations(text), sum("is computed on real values" in r.message for r in remarks))


# --- Results and the page that shows them ---------------------------------------------------------------------------------


def rows(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    from corpus import PROGRAMS

    for name in names:
        step, arguments = compiled(name), PROGRAMS[name][1]
        is_apart = has_parts(arguments) and not name.endswith(", gradient")  # time
        parts = PARTS if is_apart else {"all": POWERS}
        measured = {
            part: [measure(name, step, part, power, plain=True) for power in powers] for part, powers in parts.items()
        }
        counted = share(name)
        yield results.row(
            name,
            [m.ratio for m in measured["all"]],
            "error / the oracle's error, at 2^-20, 2^-10, 1, 2^10, 2^20",
            "lower",
            {"float16": [m.plain for m in measured["all"]]},  # type: ignore[dict-item]
            target=BOUND,
        ) | {
            "oracle": [m.oracle for m in measured["all"]],
            "apart": {part: [m.ratio for m in ms] for part, ms in measured.items() if part != "all"},
            "apart, float16": {part: [m.plain for m in ms] for part, ms in measured.items() if part != "all"},
            "holds": all(m.holds for ms in measured.values() for m in ms),
            "float operations": counted.operations,
            "on real values": counted.real,
        }


PAGE = """# The corpus at all magnitudes

<!-- Written by `python test/python/magnitudes.py --output docs` from ../results/corpus.json. -->

{programs} programs that people train (test/python/corpus), with `Scalify(matmul=None)`: all tensors in FP16 with a scale.
All float arguments, parameters and inputs alike, are multiplied by 2⁻²⁰ … 2²⁰. The error of a result is
‖got − want‖ / ‖want‖ against JAX in float64, the largest of a program's results. The table has it as a multiple of the
oracle's: that of float64 with the result of every operation rounded to 11 significant bits, FP16's precision without its
range. It may be {bound} at most. It is {largest} at most.

Beside it the same program in plain float16, by jax.jit: *overflow*, infinite or NaN where float64 is finite; *flushed*, a
result of which nothing is left; its error as the same multiple; or *refused*, where JAX does not run it. Of {runs} runs
{overflow} overflow and {flushed} are flushed.

In parentheses, {undetermined} times: the oracle itself is off by more than a tenth, since rounding decides which of nearly
equal things is chosen, or all of a result cancels; ours has to be finite there if the oracle's is. Where float32 does not
hold a result, arguments and results are float64, and data FP16 all the same.

On scales: {on_scales} % of {operations} float operations; {real} are computed on real values, with a remark. The tests fail
if a program's number rises.

| program | 2⁻²⁰ | 2⁻¹⁰ | 1 | 2¹⁰ | 2²⁰ | float16: 2⁻²⁰ | 2⁻¹⁰ | 1 | 2¹⁰ | 2²⁰ | on scales |
|---|---|---|---|---|---|---|---|---|---|---|---|
{together}

## Parameters and inputs apart

The first argument (the parameters) times 2^±20 with the others as they are, and the other way round; not of gradients. What
one rounding costs, 2⁻¹², is allowed besides. The largest multiple is {largest_apart}.

| program | first 2⁻²⁰ | 2²⁰ | others 2⁻²⁰ | 2²⁰ | float16: first 2⁻²⁰ | 2²⁰ | others 2⁻²⁰ | 2²⁰ |
|---|---|---|---|---|---|---|---|---|
{apart}
"""


def page(table: Sequence[dict[str, Any]]) -> str:
    """docs/studies/corpus.md."""

    def cell(ratio: float | None, oracle: float | None = None) -> str:
        text = "∞" if ratio is None else f"{ratio:.2f}"
        return f"({text})" if oracle is not None and oracle > UNDETERMINED else text

    outcomes = [outcome for row in table for outcome in row["peers"]["float16"]]
    operations, real = (sum(row[key] for row in table) for key in ("float operations", "on real values"))
    determined = [
        np.inf if r is None else r
        for row in table
        for r, o in zip(row["value"], row["oracle"], strict=True)
        if o is not None and o <= UNDETERMINED
    ]
    together, apart = [], []
    for row in table:
        ours = [cell(ratio, oracle) for ratio, oracle in zip(row["value"], row["oracle"], strict=True)]
        on_scales = f"{row['float operations'] - row['on real values']} / {row['float operations']}"
        together.append([row["name"], *ours, *row["peers"]["float16"], on_scales])
        if row["apart"]:
            ours = [cell(ratio) for part in ("first", "others") for ratio in row["apart"][part]]
            plain = [outcome for part in ("first", "others") for outcome in row["apart, float16"][part]]
            apart.append([row["name"], *ours, *plain])
    return PAGE.format(
        programs=len(table),
        bound=f"{BOUND:g}",
        largest=f"{max(determined):.2f}",
        undetermined=sum(o is None or o > UNDETERMINED for row in table for o in row["oracle"]),
        runs=len(outcomes),
        overflow=outcomes.count("overflow"),
        flushed=outcomes.count("flushed"),
        on_scales=f"{100 * (1 - real / operations):.2f}",
        operations=operations,
        real=real,
        together="\n".join("| " + " | ".join(line) + " |" for line in together),
        apart="\n".join("| " + " | ".join(line) + " |" for line in apart),
        largest_apart=f"{max(r for row in table for ratios in row['apart'].values() for r in ratios if r is not None):.2f}",
    )


def write(folder: pathlib.Path, table: Sequence[dict[str, Any]]) -> None:
    for path in (folder / RESULTS.relative_to(DOCS), folder / STUDY.relative_to(DOCS)):
        path.parent.mkdir(parents=True, exist_ok=True)
    results.write(folder / RESULTS.relative_to(DOCS), table)
    text = page(json.loads((folder / RESULTS.relative_to(DOCS)).read_text()))
    (folder / STUDY.relative_to(DOCS)).write_text(text)


def main() -> int:
    from corpus import PROGRAMS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", default=list(PROGRAMS), help="names of programs (default: all)")
    parser.add_argument("--output", type=pathlib.Path, help="the folder of results/corpus.json and studies/corpus.md")
    options = parser.parse_args()
    table = list(tqdm(rows(options.programs), total=len(options.programs), disable=None))
    if options.output:
        write(options.output, table)
    else:
        json.dump(table, sys.stdout, indent=1)
    broken = [row["name"] for row in table if not row["holds"]]
    if broken:
        print(f"more than {BOUND:g} times the oracle's error: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
