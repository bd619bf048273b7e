# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Delta debugging: the smallest part of a module that still shows what was found."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from fuzz.mutate import TOKEN


def statements(text: str) -> list[str]:
    """Lines, those of an operation with regions together; what is in a function is not."""
    parts, part, depth = [], "", 0
    for line in text.splitlines(keepends=True):
        part += line
        depth += sum(map(line.count, "({[")) - sum(map(line.count, ")}]"))
        if depth <= 0 or (depth == 1 and re.match(r"\s*(func\.func|module)\b", part)) or (depth == 1 and parts):
            parts.append(part)
            part = ""
    return [*parts, part] if part else parts


def one_result(text: str, index: int) -> str:
    """@main with this result alone."""
    found = re.search(r"(@main\(.*?\) -> )\((.*?)\)( \{\n.*?\n  return )([^:]*) : (.*?)\n", text, re.DOTALL)
    if not found:
        return text
    names, types = found[4].split(", "), re.findall(r"tensor<[^>]*>", found[2])
    if index >= len(types):
        return text
    new = f"{found[1]}({types[index]}){found[3]}{names[index]} : {types[index]}\n"
    return text[: found.start()] + new + text[found.end() :]


def without_unused(text: str) -> str:
    """Without operations of which nobody takes a result."""
    parts = statements(text)
    for at in range(len(parts) - 1, -1, -1):
        found = re.match(r"\s+(%\w+)[:, ]", parts[at])
        rest = "".join(parts[at + 1 :])
        if found and "=" in parts[at] and not re.search(rf"{found[1]}b?\b", rest):
            del parts[at]
    return "".join(parts)


def minimise(text: str, still: Callable[[str], bool], tokens: bool, seconds: float = 40) -> str:
    """Fewer statements, lines and perhaps tokens, for as long as ``still`` holds and there is time."""
    end = time.monotonic() + seconds
    for index in range(40):
        fewer = one_result(text, index)
        if fewer == text:
            break
        if still(fewer):
            text = fewer
            break
    if still(fewer := without_unused(text)):
        text = fewer
    splits: list[Callable[[str], list[str]]] = [statements, lambda t: t.splitlines(keepends=True)]
    for split in splits + [TOKEN.findall] * tokens:
        parts = split(text)
        size = max(len(parts) // 2, 1)
        while size:
            at = len(parts)
            while at > 0 and time.monotonic() < end:
                fewer_parts = parts[: max(at - size, 0)] + parts[at:]
                if still("".join(fewer_parts)):
                    parts = fewer_parts
                at = min(at - size, len(parts))
            size //= 2
        text = "".join(parts)
    return text
