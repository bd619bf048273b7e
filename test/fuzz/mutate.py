# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random changes of a module's text: bytes, tokens, lines and brackets."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

TOKEN = re.compile(
    r'\s+|"[^"\n]*"|[%@#!^]?[A-Za-z_][\w.$#-]*|%\d+(?:#\d+)?|0x[0-9A-Fa-f]+|\d+\.\d*(?:[eE][+-]?\d+)?|\d+|->|.', re.DOTALL
)
NUMBERS = [
    "0", "1", "2", "-1", "7", "127", "255", "-128", "65536", "2147483647", "2147483648", "-2147483648", "4294967296",
    "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551616",
    "99999999999999999999999999", "1e999", "-0.0", "1.0e-45", "0xFFFFFFFF", "0x7FC00000", "true", "dense<0>",
]  # fmt: skip
ELEMENTS = [
    "f32", "f16", "f64", "bf16", "i1", "i4", "i8", "i32", "i64", "ui8", "ui32", "i0", "i128", "si32", "f8E4M3FN",
    "f8E5M2", "f8E8M0FNU", "f4E2M1FN", "tf32", "f80", "f128", "index", "none", "complex<f32>", "!scaled.tensor<2xf16, exp>",
    "vector<2xf32>", "tuple<>",
]  # fmt: skip
SIZES = ["0", "1", "2", "3", "8", "?", "65536", "2147483648", "9223372036854775807"]


class Mutator:
    """Changes of text that borrow from other modules."""

    def __init__(self, random: random.Random, corpus: Sequence[str]) -> None:
        self._random = random
        self._corpus = corpus
        self._vocabulary = sorted({t for text in corpus for t in TOKEN.findall(text) if len(t) < 60 and not t.isspace()})
        self._types = sorted({t for text in corpus for t in re.findall(r"!?[a-z.]*tensor<[^<>\n]*>", text)})
        self._operations = sorted({t for t in self._vocabulary if t.startswith(("stablehlo.", "chlo.", "scaled."))})
        rough = [self._delete, self._double, self._swap, self._replace, self._bracket, self._line, self._splice, self._byte]
        self._gentle: list[Callable[[list[str]], None]] = [
            self._number, self._entry, self._type, self._everywhere, self._everywhere, self._element, self._size,
            self._operation, self._word, self._operand, self._operand,
        ]  # fmt: skip
        self._ways: list[Callable[[list[str]], None]] = rough + 2 * self._gentle

    def reseed(self, random: random.Random) -> None:
        """Changes follow from the numbers of this one now."""
        self._random = random

    def mutate(self, text: str, changes: int) -> str:
        return self._change(text, changes, self._ways)

    def gentle(self, text: str, changes: int) -> str:
        """Changes that often leave a module valid."""
        return self._change(text, changes, self._gentle)

    def _change(self, text: str, changes: int, ways: list[Callable[[list[str]], None]]) -> str:
        tokens = TOKEN.findall(text)
        for _ in range(changes):
            if tokens:
                self._random.choice(ways)(tokens)
        return "".join(tokens)

    def _at(self, tokens: list[str], pattern: str = r"\S") -> int | None:
        """One of the tokens that begin like this."""
        for _ in range(60):
            at = self._random.randrange(len(tokens))
            if re.match(pattern, tokens[at]):
                return at
        return None

    def _delete(self, tokens: list[str]) -> None:
        if (at := self._at(tokens)) is not None:
            del tokens[at]

    def _double(self, tokens: list[str]) -> None:
        if (at := self._at(tokens)) is not None:
            tokens.insert(at, tokens[at])

    def _swap(self, tokens: list[str]) -> None:
        a, b = self._at(tokens), self._at(tokens)
        if a is not None and b is not None:
            tokens[a], tokens[b] = tokens[b], tokens[a]

    def _replace(self, tokens: list[str]) -> None:
        if (at := self._at(tokens)) is not None:
            tokens[at] = self._random.choice(self._vocabulary)

    def _number(self, tokens: list[str]) -> None:
        if (at := self._at(tokens, r"\d")) is not None:
            tokens[at] = self._random.choice(NUMBERS)

    def _type(self, tokens: list[str]) -> None:
        """Another type from < to >."""
        at = self._at(tokens, "tensor$")
        if at is not None and (end := self._closing(tokens, at + 1)) is not None:
            tokens[at : end + 1] = TOKEN.findall(self._random.choice(self._types))

    def _element(self, tokens: list[str]) -> None:
        if (at := self._at(tokens, r"x?(f|bf|i|ui)\d+\w*$")) is not None:
            x = "x" if tokens[at].startswith("x") else ""
            tokens[at] = x + self._random.choice(ELEMENTS)

    def _size(self, tokens: list[str]) -> None:
        """A dimension more or less, or another size: 4, x8xf32 are two tokens."""
        if (at := self._at(tokens, r"x\d")) is not None:
            sizes = tokens[at][1:].split("x")
            sizes[self._random.randrange(len(sizes))] = self._random.choice(SIZES)
            tokens[at] = "x" + "x".join(sizes)

    def _everywhere(self, tokens: list[str]) -> None:
        """Another size or element type, the same wherever it stands."""
        pattern = self._random.choice([r"\d+$", r"x\w+$", r"[a-z]+\d\w*$"])
        if (at := self._at(tokens, pattern)) is not None:
            old, copy = tokens[at], tokens[at : at + 1]
            self._random.choice([self._number, self._size, self._element])(copy)
            tokens[:] = [copy[0] if token == old else token for token in tokens]

    def _operation(self, tokens: list[str]) -> None:
        if (at := self._at(tokens, r"(stablehlo|chlo|scaled)\.")) is not None:
            tokens[at] = self._random.choice(self._operations)

    def _word(self, tokens: list[str]) -> None:
        """A word of an enumeration or a name of an attribute by another of the module."""
        if (at := self._at(tokens, r"[A-Z_]{2,}$|[a-z_]+$")) is not None:
            tokens[at] = self._random.choice([t for t in tokens if re.match(r"[A-Za-z_]+$", t)])

    def _closing(self, tokens: list[str], at: int) -> int | None:
        pairs = {"(": ")", "<": ">", "[": "]", "{": "}"}
        if at >= len(tokens) or tokens[at] not in pairs:
            return None
        opening, closing, depth = tokens[at], pairs[tokens[at]], 0
        for end in range(at, min(at + 4000, len(tokens))):
            depth += (tokens[end] == opening) - (tokens[end] == closing)
            if not depth:
                return end
        return None

    def _brackets(self, tokens: list[str]) -> tuple[int, int] | None:
        at = self._at(tokens, r"[(<\[{]$")
        end = None if at is None else self._closing(tokens, at)
        return None if at is None or end is None else (at, end)

    def _bracket(self, tokens: list[str]) -> None:
        """What is between brackets dropped or doubled, with them or without."""
        if found := self._brackets(tokens):
            at, end = found
            way = self._random.randrange(3)
            if way < 2:
                del tokens[at + way : end + 1 - way]
            else:
                tokens[at:at] = tokens[at : end + 1]

    def _entry(self, tokens: list[str]) -> None:
        """An entry of a list in brackets dropped or doubled."""
        if found := self._brackets(tokens):
            at, end = found
            commas = [at, *(i for i in range(at, end) if tokens[i] == ","), end]
            which = self._random.randrange(len(commas) - 1)
            entry = tokens[commas[which] + 1 : commas[which + 1]]
            if self._random.randrange(2):
                tokens[commas[which] + 1 : commas[which] + 1] = [*entry, ","]
            else:
                del tokens[max(commas[which], at + 1) : commas[which + 1]]

    def _lines(self, tokens: list[str]) -> list[int]:
        return [0, *(i + 1 for i, t in enumerate(tokens) if "\n" in t), len(tokens)]

    def _line(self, tokens: list[str]) -> None:
        """A line dropped, doubled or moved."""
        starts = self._lines(tokens)
        which = self._random.randrange(len(starts) - 1)
        line = tokens[starts[which] : starts[which + 1]]
        way = self._random.randrange(3)
        if way != 1:
            del tokens[starts[which] : starts[which + 1]]
        if way:
            to = self._random.choice(starts)
            tokens[to:to] = line

    def _splice(self, tokens: list[str]) -> None:
        """Lines of another module."""
        lines = self._random.choice(self._corpus).splitlines(keepends=True)
        first = self._random.randrange(len(lines))
        to = self._random.choice(self._lines(tokens))
        tokens[to:to] = TOKEN.findall("".join(lines[first : first + self._random.choice([1, 1, 2, 5])]))

    def _byte(self, tokens: list[str]) -> None:
        at = self._random.randrange(len(tokens))
        text = list(tokens[at])
        text[self._random.randrange(len(text))] = chr(self._random.choice([self._random.randrange(32, 127), 0, 10, 0xE9]))
        tokens[at] = "".join(text)

    def _operand(self, tokens: list[str]) -> None:
        """Another value."""
        values = [t for t in tokens if t.startswith("%")]
        if values and (at := self._at(tokens, "%")) is not None:
            tokens[at] = self._random.choice(values)
