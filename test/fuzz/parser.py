# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Damaged text: read, verified, printed and read again it is the same, or a located error; never anything else."""

from __future__ import annotations

import random

from fuzz.cases import Find, Outcome, find_of
from fuzz.minimise import minimise
from fuzz.mutate import Mutator
from fuzz.seeds import seeds
from fuzz.server import ROUND_TRIP, Server


class ParserFuzzer:
    def __init__(self) -> None:
        self._server = Server()
        self._corpus = seeds()
        # Short ones more often: there a change meets what it breaks.
        self._weights = [1 / (500 + len(text)) for text in self._corpus]
        self._mutator = Mutator(random.Random(0), self._corpus)

    def text(self, seed: int, number: int) -> str:
        if number < len(self._corpus):
            return self._corpus[number]
        rng = random.Random(f"{seed} {number}")
        self._mutator.reseed(rng)
        return self._mutator.mutate(rng.choices(self._corpus, self._weights)[0], rng.choice([1, 1, 1, 2, 2, 3, 5, 8]))

    def run(self, seed: int, number: int) -> Outcome:
        text = self.text(seed, number)
        answer = self._server.ask(ROUND_TRIP, text)
        return Outcome(answer.kind, find_of(answer, text, ROUND_TRIP))

    def again(self, find: Find) -> Find | None:
        """The find as it is now, or None."""
        return find_of(self._server.ask(ROUND_TRIP, find.text), find.text, ROUND_TRIP)

    def minimise(self, find: Find) -> Find:
        def still(text: str) -> bool:
            now = find_of(self._server.ask(ROUND_TRIP, text), text, ROUND_TRIP)
            return now is not None and now.key == find.key

        text = minimise(find.text, still, tokens=True)
        return find_of(self._server.ask(ROUND_TRIP, text), text, ROUND_TRIP) or find
