# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From locations, as MLIR prints them, to lines of the user's Python."""

from __future__ import annotations

import os
import re

_DEEPEST = 32
_OWN = os.path.dirname(__file__)  # this folder alone: models below it are their users' code


def source_line(location: str) -> str:
    """The innermost ``file.py:line`` of a location that is not Steelyard's own; "" if there is none."""
    frames: list[tuple[str, str]] = re.findall(r'"([^"]+\.py)":(\d+)', location)
    return next((f"{file}:{line}" for file, line in frames if os.path.dirname(file) != _OWN), "")


def with_source_line(message: str, text: str, name: str) -> str:
    """An error that names a line of the module's text names the line of Python that JAX recorded there."""
    return "\n".join(_line_with_source(line, text, name) for line in message.split("\n"))


def _line_with_source(message: str, text: str, name: str) -> str:
    location, separator, what = message.partition(": error: ")
    if separator and (source := source_line(location)):
        return f"{source}: error: {what}"
    found = re.search(rf'"{re.escape(name)}":(\d+):\d+', message)
    lines = text.splitlines()
    if not found or not 0 < int(found[1]) <= len(lines):
        return message
    known = dict(re.findall(r"^(#loc\d*) = loc\((.*)\)$", text, re.MULTILINE))
    at = int(found[1]) - 1
    for _ in range(_DEEPEST):  # functions call each other; text that is not valid may call itself
        if source := _recorded(_location_of(lines, at), known):
            return f"{source}: {message}"
        caller = _caller_of(lines, at)
        if caller is None:
            break
        at = caller
    return message


def _location_of(lines: list[str], at: int) -> str:
    """What ``loc(…)`` says of the operation that begins, or goes on, in a line: after its regions, where it has them."""
    depth = 0
    for line in lines[at:]:
        if depth <= 0 and line is not lines[at] and re.match(r'\s*(%|"|func\b|func\.|return\b|call\b|\w+\.\w+)', line):
            break  # the next operation: this one has no location
        bare = re.sub(r'"(\\.|[^"\\])*"', "", line)
        depth += sum(bare.count(opening) for opening in "({[") - sum(bare.count(closing) for closing in ")}]")
        if depth <= 0 and (found := re.search(r"loc\((.*)\)\s*$", line)):
            return found[1]
    return ""


def _recorded(location: str, known: dict[str, str]) -> str:
    for _ in range(_DEEPEST):  # text that is not valid may name itself
        if source := source_line(location):
            return source
        location, count = re.subn(r"#loc\d*", lambda alias: known.get(alias[0], "?"), location)
        if count == 0:
            break
    return ""


def _caller_of(lines: list[str], at: int) -> int | None:
    """Where the function around a line is called first."""
    for line in reversed(lines[: at + 1]):
        if found := re.match(r"\s*func\.func\b[^@]*(@[\w.$-]+)\(", line):
            call = re.compile(rf"\bcall {re.escape(found[1])}\(")
            return next((index for index, text in enumerate(lines) if call.search(text)), None)
    return None
