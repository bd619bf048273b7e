# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a case is, and what is kept of one that found something."""

from __future__ import annotations

import dataclasses
import pathlib
import re

import numpy as np

from fuzz.server import RUN, Answer


@dataclasses.dataclass(frozen=True)
class Find:
    """A module, what was done with it, and what was wrong."""

    text: str
    mode: int
    scheme: str
    #: Of the random arguments it was called with.
    seed: int
    message: str

    @property
    def key(self) -> str:
        """Equal for what is most likely one mistake: the message without numbers and names, or the innermost functions."""
        frames = re.findall(r"^ *#\d+ 0x[0-9a-f]+ ((?:\w+::)*\w+)", self.message, re.MULTILINE)
        own = [f for f in frames if not re.match(r"llvm::sys|SignalHandler|raise|abort|__", f)]
        if self.message.startswith("wrong"):  # one mistake, one difference: nothing in the numbers tells
            return "wrong: " + " ".join(sorted(set(re.findall(r"(?:stablehlo|chlo)[.](\w+)", self.text))))
        if own:
            return " ".join([self.message[:8], *own[:2]])
        return re.sub(r"[%@]\w+|'[^']*'|\"[^\"]*\"|-?\d+|0x\w+", "_", " ".join(self.message.split("\n")[:2]))[:160]

    def save(self, path: pathlib.Path) -> None:
        lines = [
            f"// python -m fuzz show {path}",
            f"// mode: {self.mode}",
            f"// scheme: {self.scheme}",
            f"// seed: {self.seed}",
        ]
        lines += [f"// {line}" for line in self.message.splitlines()[:40]]
        path.write_text("\n".join([*lines, "// =====", self.text, ""]), errors="surrogateescape")

    @staticmethod
    def load(path: pathlib.Path) -> Find:
        head, _, text = path.read_text(errors="surrogateescape").partition("// =====\n")
        values = dict(re.findall(r"^// (mode|scheme|seed): ?(.*)$", head, re.MULTILINE))
        return Find(
            text.removesuffix("\n"), int(values.get("mode", RUN)), values.get("scheme", ""), int(values.get("seed", 0)), ""
        )


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Of a case: the word it is counted under, and what it found."""

    kind: str
    find: Find | None = None


def find_of(answer: Answer, text: str, mode: int, scheme: str = "", seed: int = 0) -> Find | None:
    return Find(text, mode, scheme, seed, f"{answer.kind}: {answer.message}") if answer.is_find else None


def random_of(*numbers: int) -> np.random.Generator:
    return np.random.default_rng(numbers)
