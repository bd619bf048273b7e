# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tokenizers and batches of the text that the language models read."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from workloads import text

SAMPLE = text.scripture()[:200_000]


def test_the_text() -> None:
    whole = text.scripture()
    assert whole.startswith("In the beginning God created the heaven and the earth.\n")
    assert (whole.count("\n"), len(set(whole))) == (31_103, 65)


@pytest.mark.parametrize("make", [text.CharacterTokenizer, lambda sample: text.BytePairTokenizer(sample, 512)])
def test_round_trip(make) -> None:  # type: ignore[no-untyped-def]
    tokenizer = make(SAMPLE)
    tokens = tokenizer.encode(SAMPLE)
    assert tokens.dtype == np.int32 and tokens.min() >= 0 and tokens.max() < tokenizer.size
    assert tokenizer.decode(tokens) == SAMPLE
    assert len(tokenizer.encode("")) == 0 and tokenizer.decode(tokens[:0]) == ""


def test_byte_pairs_are_shorter_and_repeatable() -> None:
    first, second = (text.BytePairTokenizer(SAMPLE, 512) for _ in range(2))
    assert first.size == 512
    tokens = first.encode(SAMPLE)
    assert np.array_equal(tokens, second.encode(SAMPLE))
    assert len(tokens) < len(SAMPLE) / 2
    assert first.decode(first.encode("naïve  façade\n\n 漢")) == "naïve  façade\n\n 漢"


def test_characters_that_the_text_lacks() -> None:
    with pytest.raises(ValueError, match="no character 'ß'"):
        text.CharacterTokenizer("abc").encode("aß")


def test_vocabulary_of_impossible_size() -> None:
    with pytest.raises(ValueError, match="no byte-pair vocabulary of 3 "):
        text.BytePairTokenizer(SAMPLE, 3)


def test_batches_and_windows() -> None:
    tokens = np.arange(103, dtype=np.int32)
    for batch in itertools.islice(text.batches(tokens, 4, 10, seed=1), 50):
        assert batch.shape == (4, 11) and (np.diff(batch) == 1).all() and batch.max() < 103
    together = list(text.windows(tokens, 5, 10))
    assert [batch.shape for batch in together] == [(5, 11)] * 2
    assert np.array_equal(np.concatenate(together)[:, 0], np.arange(0, 100, 10))
    train, held_out = text.split(tokens)
    assert np.array_equal(np.concatenate([train, held_out]), tokens) and len(held_out) == 10
    with pytest.raises(ValueError, match="fewer than a window"):
        next(text.batches(tokens[:10], 4, 10, seed=1))
