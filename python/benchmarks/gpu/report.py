# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Figures of a run as rows of JSON, and the page that is made of them. Needs neither a GPU nor PyTorch."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Row = dict[str, Any]

OURS_BF16, TORCH, TORCH_FP8, JAX, PADDED = "bf16", "torch.compile", "torch._scaled_mm", "jax.jit", "next multiples of 16"
JAX_BF16 = "jax.jit, bf16"  # parameters and Adam in float32
TORCH_PADDED = "torch.compile, next multiples of 16"
# Where figures and page lie in the documentation.
RESULTS, PAGE = "results/gpu.json", "speed-gpu.md"
#: Columns of training steps: ``steps.CONTENDERS``.
STEPS = ("float32", "TF32", "bfloat16", "Scalify FP16", "Scalify FP8")
GROUPS = ("kernels", "block", "odd", "chains", "steps")


def group_of(row: Row) -> str:
    return str(row["name"].split("/")[1])


def work_of(row: Row) -> str:
    return str(row["name"].split("/", 2)[2])


def row(group: str, work: str, value: float, peers: dict[str, float], floor: float | None = None, **more: Any) -> Row:
    """One piece of work, in milliseconds; what is common to a run comes to it later."""
    name = f"gpu/{group}/{work}"
    return {
        "name": name,
        "value": value,
        "unit": "ms",
        "better": "lower",
        "peers": peers,
        "floor": floor,
        "target": None,
    } | more


def merged(kept: Iterable[Row], measured: Sequence[Row]) -> list[Row]:
    """The new rows and, of another run on the same machine with the same code, those of what was not measured again."""
    names = {new["name"] for new in measured}
    common = ("machine", "versions", "commit")
    same = [old for old in kept if old["name"] not in names and all(old[key] == measured[0][key] for key in common)]
    return sorted([*same, *measured], key=lambda one: GROUPS.index(group_of(one)))


def read(path: pathlib.Path) -> list[Row]:
    rows: list[Row] = json.loads(path.read_text()) if path.exists() else []
    return rows


def number(value: float | None, digits: int = 3) -> str:
    """With so many significant digits; a dash for what there is not."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def ratio(over: float | None, under: float | None) -> float | None:
    return over / under if over is not None and under else None


def mean(values: Sequence[float]) -> float | None:
    """Geometric."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def _rate(one: Row) -> str:
    return number(one["flops"] / one["value"] / 1e9) if one.get("flops") else ""


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(
        ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(line) + " |" for line in lines)]
    )


def _kernels(rows: Sequence[Row]) -> str:
    head = ("work", "ms", "TB/s", "TFLOP/s", "torch.compile, ms", "speed", "floor, ms")
    lines = []
    for one in rows:
        peer = one["peers"].get(TORCH)
        moved = number(one["bytes"] / one["value"] / 1e9)
        speed = number(ratio(peer, one["value"]))
        lines.append((work_of(one), number(one["value"]), moved, _rate(one), number(peer), speed, number(one["floor"])))
    return (
        "Speed is torch.compile's time (of products in 8 bits `torch._scaled_mm`'s) over ours; the floor is that of a "
        "copy of as many bytes.\n\n" + _table(head, lines)
    )


def _block(rows: Sequence[Row]) -> str:
    head = (
        "contraction",
        "FP8, ms",
        "TFLOP/s",
        "bf16, ms",
        "torch bf16, ms",
        "torch FP8, ms",
        "torch bf16 / FP8",
        "torch FP8 / FP8",
    )
    columns = (OURS_BF16, TORCH, TORCH_FP8)

    def line(name: str, value: float, peers: Sequence[float | None], rate: str) -> tuple[str, ...]:
        ratios = (number(ratio(peer, value)) for peer in peers[1:])
        return (name, number(value), rate, *map(number, peers), *ratios)

    joint = [one for one in rows if work_of(one).endswith("all three")]
    lines = []
    for title, members in (
        ("the 12 contractions", [one for one in rows if one not in joint]),
        ("four layers, all three products at once", joint),
    ):
        lines += [
            line(
                work_of(one).removeprefix("block, "), one["value"], [one["peers"].get(name) for name in columns], _rate(one)
            )
            for one in members
        ]
        if members:
            total = sum(one["value"] for one in members)
            peers = [
                sum(one["peers"][name] for one in members) if all(one["peers"].get(name) for one in members) else None
                for name in columns
            ]
            of_all = title if len(members) == (12 if members[0] not in joint else 4) else f"{title}: {len(members)} of them"
            lines.append(line(f"**{of_all}**", total, peers, number(sum(one["flops"] for one in members) / total / 1e9)))
    return (
        "A GPT block of width 2048, 8192 tokens; operands and results in bf16. FP8 is E4M3, E5M2 for gradients of outputs, "
        "with current scales: the amax of each operand, its cast and its layouts are part of the time. Torch's bf16 is "
        "torch.compile's matmul, its FP8 amax and casts by torch.compile and then `torch._scaled_mm`. In the last lines a "
        "layer's three products are compiled together, so that each operand is quantised once. The last two columns are "
        "ratios of times; above 1 ours in FP8 is faster.\n\n" + _table(head, lines)
    )


def _odd(rows: Sequence[Row]) -> str:
    head = ("m × n × k", "type", "ms", f"{PADDED}, ms", "ratio", "torch.compile, ms", "its ratio")
    lines = []
    for one in rows:
        size, _, dtype = work_of(one).removeprefix("odd, ").rpartition(", ")
        peers = one["peers"]
        own, theirs = peers.get(PADDED), ratio(peers.get(TORCH), peers.get(TORCH_PADDED))
        lines.append(
            (
                size,
                dtype,
                number(one["value"]),
                number(own),
                number(ratio(one["value"], own)),
                number(peers.get(TORCH)),
                number(theirs),
            )
        )
    return (
        "The same product, of sizes that are no multiples of 16 and of the next ones that are, in one run; FP8 with "
        "quantising. The ratio is of the two times: 1 is no cliff. `torch._scaled_mm` takes no such sizes.\n\n"
        + _table(head, lines)
    )


def chain_ratio(one: Row) -> float | None:
    """The time of the better peer over ours."""
    peers = [value for value in one["peers"].values() if value is not None and math.isfinite(value)]
    return min(peers) / one["value"] if peers else None


def _chains(rows: Sequence[Row]) -> str:
    head = ("chain", "what it does", "ms", "torch.compile, ms", "jax.jit, ms", "speed", "floor, ms")
    lines = [
        (
            work_of(one).removeprefix("chain "),
            one["words"],
            number(one["value"]),
            number(one["peers"].get(TORCH)),
            number(one["peers"].get(JAX)),
            number(chain_ratio(one)),
            number(one["floor"]),
        )
        for one in rows
    ]
    speeds = [speed for one in rows if (speed := chain_ratio(one))]
    sentence = ""
    if speeds:
        sentence = f" Geometric mean {number(mean(speeds))}, least {number(min(speeds))}, of {len(speeds)} chains."
    seed = rows[0]["seed"]
    return (
        f"Chains of elementwise operations and reductions, drawn from seed {seed} "
        "([chains.py](../python/benchmarks/gpu/chains.py)). Speed is the time of the better of the two peers over ours."
        f"{sentence} The floor is that of a copy of as many bytes as arguments and results have.\n\n" + _table(head, lines)
    )


def _steps(rows: Sequence[Row]) -> str:
    steps: dict[str, dict[str, Row]] = {}
    for one in rows:
        step, _, scheme = work_of(one).rpartition("/")
        steps.setdefault(step, {})[scheme] = one
    schemes = [scheme for scheme in STEPS if any(scheme in found for found in steps.values())]
    known = [peer for peer in (JAX, JAX_BF16) if any(peer in one["peers"] for one in rows)] or [JAX]
    lines = []
    for step, found in steps.items():
        peers = {peer: value for one in found.values() for peer, value in one["peers"].items()}
        cells = [number(peers.get(peer)) for peer in known]
        for scheme in schemes:
            value = found[scheme]["value"] if scheme in found else None
            speed = ratio(peers.get(JAX), value)
            cells.append(f"{number(value)} ({number(speed)})" if value is not None else "–")
        lines.append((step, *cells))
    mixed = ""
    if JAX_BF16 in known:
        mixed = (
            " In bf16, JAX's and ours, loss and gradients are computed in bfloat16 from parameters that Adam has in "
            "float32; TF32 is what jax.jit multiplies float32 in by default."
        )
    return (
        "Training steps (loss, gradients, Adam), milliseconds of 100 in a row, beside jax.jit of the same function in "
        f"float32 on the same GPU; in parentheses its time over ours.{mixed}\n\n"
        + _table(("step", *known, *schemes), lines)
    )


_SECTIONS: dict[str, tuple[str, Callable[[Sequence[Row]], str]]] = {
    "kernels": ("Kernels", _kernels),
    "block": ("Contractions of a GPT block", _block),
    "odd": ("Odd sizes", _odd),
    "chains": ("Chains that were drawn", _chains),
    "steps": ("Training steps", _steps),
}


def page(rows: Sequence[Row]) -> str:
    """The Markdown page."""
    first = rows[0]
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    parts = [
        "# Speed on a GPU",
        f"<!-- Written by `python -m benchmarks.gpu page` from {RESULTS}. -->",
        f"{first['machine']}; {versions}; commit {first['commit'][:12] or 'unknown'}.",
        "Medians of triton.testing.do_bench with a cold L2, whole calls from Python, contenders in turn. JAX works on a "
        "stream of its own, which events on the default one don't see: of it many calls are enqueued, each behind one that "
        "goes through 256 MiB, and the time of as many of those alone is taken off "
        "([timing.py](../python/benchmarks/gpu/timing.py)).",
    ]
    for group in GROUPS:
        members = [one for one in rows if group_of(one) == group]
        if members:
            title, section = _SECTIONS[group]
            parts += [f"## {title}", section(members)]
    return "\n\n".join(parts) + "\n"
