# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a program's windows select from and its reductions reduce, in the reference: whether a result is open there."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np


@dataclasses.dataclass
class Windows:
    """The windows of a select_and_scatter, which takes the largest of their numbers (``sign`` -1: the least)."""

    sizes: list[int]
    strides: list[int]
    padding: list[list[int]]
    sign: int

    def of(self, array: np.ndarray) -> np.ndarray:
        """One row a window; -∞ in the padding."""
        padded = np.pad(self.sign * array, self.padding, constant_values=-np.inf)
        if any(size > extent for size, extent in zip(self.sizes, padded.shape, strict=True)):
            return np.zeros((0, 1))
        views = np.lib.stride_tricks.sliding_window_view(padded, self.sizes)
        views = views[tuple(slice(None, None, stride) for stride in self.strides)]
        return views.reshape(-1, int(np.prod(self.sizes)))


def has_ties(values: list[np.ndarray], windows: Windows, keeps_equal: bool) -> bool:
    """Whether it is open which number some window selects: one of two that are equal.

    ``values`` are what it selects from, as it is and rounded in other ways. Where numbers that are equal stay so
    (``keeps_equal``), the first of them is selected, but for zeros of two signs; where they are rounded as a scheme does,
    numbers are equal that are no further apart than roundings move them.
    """
    first, *others = (windows.of(np.asarray(value, np.float64)) for value in values)
    if first.size == 0:
        return False
    if keeps_equal:
        zeros = first == 0
        both = np.any(zeros & np.signbit(first), axis=-1) & np.any(zeros & ~np.signbit(first), axis=-1)
        return bool(np.any(both & (first.max(axis=-1) == 0)))
    if not np.isfinite(values[0].astype(np.float64)).all():
        return True
    inside = np.isfinite(first)  # not in the padding
    with np.errstate(invalid="ignore"):
        spread = np.max([np.abs(other - first) for other in others], axis=0, initial=0.0)
    room = np.where(inside, 8 * spread + 2.0**-8 * np.abs(first) + 2.0**-30 * np.abs(first[inside]).max(initial=0.0), 0.0)
    at = np.argmax(first, axis=-1, keepdims=True)
    least = np.take_along_axis(first - room, at, axis=-1)
    rivals = inside & ~(first + room < least)
    return bool(np.any(rivals.sum(axis=-1) > 1))


SCATTER = re.compile(
    r"stablehlo\.select_and_scatter\"\((%[\w#]+), [^<]*<\{([^{}]*)\}> \(\{"
    r".*?compare +(GE|GT|LE|LT),.*?\}\) : \((tensor<[^<>]*>)",
    re.DOTALL,
)
REDUCE = re.compile(
    r"stablehlo\.reduce\((%[^:]* init: .*?)\) (?:applies stablehlo\.(\w+) )?across dimensions = \[[^\]]*\] : \((.*?)\) ->"
)


def _main(text: str) -> tuple[int, int, int] | None:
    """Where @main's result types, its body and its return are."""
    head = re.search(r"@main\(.*\)( -> .*\{)\n", text)
    end = re.compile(r"^\s*(?:func\.)?return\b.*$", re.MULTILINE).search(text, head.end()) if head else None
    return (head.start(1), head.end(), end.start()) if head and end else None


def returning(text: str, values: list[tuple[str, str]]) -> str | None:
    """The program that returns these values, names and types, instead of its own."""
    if (places := _main(text)) is None:
        return None
    signature, body, end = places
    names, types = (", ".join(part) for part in zip(*values, strict=True))
    rest = text[end:].lstrip().partition("\n")[2]
    return f"{text[:signature]} -> ({types}) {{\n{text[body:end]}\n  return {names} : {types}\n{rest}"


def scatters(text: str) -> list[tuple[str, str, Windows]] | None:
    """What the program's select_and_scatters select from, with type and windows; None where that is not known."""
    places = _main(text)
    found = [m for m in SCATTER.finditer(text) if places and places[1] <= m.start() < places[2]]
    if len(found) != len(re.findall(r"stablehlo\.select_and_scatter\b", text)):
        return None
    operands = []
    for operand, attributes, direction, kind in (m.groups() for m in found):
        lists = dict(re.findall(r"(\w+) = (?:array<i64: |dense<)([^>]*)>", attributes))
        if "window_dimensions" not in lists:
            return None
        sizes = json.loads(f"[{lists['window_dimensions']}]")
        strides = json.loads(f"[{lists['window_strides']}]") if "window_strides" in lists else [1] * len(sizes)
        padding = np.broadcast_to(json.loads(lists.get("padding", "0")), (len(sizes), 2)).tolist()
        operands.append((operand, kind, Windows(sizes, strides, padding, 1 if direction[0] == "G" else -1)))
    return operands


def extrema(text: str) -> list[tuple[str, str]] | None:
    """What the program's reductions that may lose NaN read; None where that is not known."""
    places = _main(text)
    found = [m for m in REDUCE.finditer(text) if places and places[1] <= m.start() < places[2]]
    if len(found) != len(re.findall(r"stablehlo\.reduce\b", text)):
        return None
    operands = []
    for inputs, joined, types in (m.groups() for m in found):
        if joined in (None, "minimum", "maximum"):
            operands += list(
                zip(re.findall(r"(%[\w#]+) init:", inputs), re.findall(r"tensor<[^<>]*>", types), strict=False)
            )
    return [(name, kind) for name, kind in operands if re.search(r"\bf\d|xf\d|bf16", kind)]
