# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Steelyard's own models: what they give, and their losses with gradients."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from steelyard.models import BERT, GPT, LSTM, MLP, LeNet, Llama, ResNet

from corpus.registry import Normal, Programs

PROGRAMS = Programs()
normal = Normal(0)
VOCABULARY, LENGTH, WIDTH = 17, 12, 32
TOKENS, MASKED = normal.integers(VOCABULARY, 2, LENGTH + 1), normal.integers(VOCABULARY, 2, LENGTH)
IMAGES, LABELS = normal(2, 12, 12, 3), normal.integers(5, 2)


def add(name: str, model: Any, *batch: Any, inputs: int = 1) -> None:
    """The first ``inputs`` arrays of a batch are what the model is applied to."""
    parameters = model.initialise(0)
    PROGRAMS.add(name, model.apply, parameters, *batch[:inputs])
    PROGRAMS.add(f"{name}, gradient", jax.value_and_grad(model.loss), parameters, *batch)


def decoder(name: str, model: Any, parameters: Any = None) -> None:
    parameters = parameters or model.initialise(0)
    PROGRAMS.add(name, model.apply, parameters, TOKENS[:, :-1])
    PROGRAMS.add(f"{name}, gradient", jax.value_and_grad(model.loss), parameters, TOKENS)


add("mlp", MLP((20, 16, 16, 5)), normal(6, 20), normal.integers(5, 6))
add("lenet", LeNet((12, 12, 3), 5, channels=(4, 8), hidden=(16,)), IMAGES, LABELS)
add("lenet, maxima", LeNet((12, 12, 3), 5, channels=(4, 8), hidden=(), kernel=3, maxima=True), IMAGES, LABELS)
# An ε that stays below the variance of values of 2^-40: without normalisation the branches of a block are 2^40 apart.
add("resnet", ResNet(classes=5, stages=(1, 1), width=8, epsilon=1e-30), IMAGES, LABELS)
add("resnet, groups", ResNet(classes=5, stages=(1, 1), width=8, groups=4, epsilon=1e-30), IMAGES, LABELS)
add("bert", BERT(VOCABULARY, LENGTH, WIDTH, depth=1), MASKED, TOKENS[:, 1:], (normal(2, LENGTH) > 0).astype("f4"))
decoder("gpt", GPT(VOCABULARY, LENGTH, WIDTH, depth=1))
decoder("gpt, scanned", GPT(VOCABULARY, LENGTH, WIDTH, depth=3, scan=True))
decoder("llama", Llama(VOCABULARY, WIDTH, depth=1, hidden=64))


def without_biases(parameters: Any) -> Any:
    """The forget gates' are 1, which parameters of 2^-20 make 2^20 times the other gates of the same tensor."""
    layers = [{**layer, "b": np.zeros_like(layer["b"])} for layer in parameters["layers"]]
    return {**parameters, "layers": layers}


decoder("lstm", LSTM(VOCABULARY, 16, depth=2), without_biases(LSTM(VOCABULARY, 16, depth=2).initialise(0)))
