# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A language model of stacked LSTMs (Hochreiter and Schmidhuber, Long Short-Term Memory, 1997, with the forget gates of
Gers et al., Learning to Forget, 2000; stacked as by Graves, arXiv:1308.0850, section 2)."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from steelyard.models.layers import Initialiser, cross_entropy, linear, linear_parameters


@dataclasses.dataclass(frozen=True)
class LSTM:
    """Sizes of the model. Each of ``depth`` layers is a ``lax.scan`` over time."""

    vocabulary: int
    width: int = 128
    depth: int = 2

    def initialise(self, seed: int) -> Any:
        """Weights of variance 1 / fan-in; biases 0, of the forget gates 1 (Jozefowicz et al., An Empirical Exploration of
        Recurrent Network Architectures, 2015, section 2.2)."""
        draw = Initialiser(seed)
        bias = np.zeros(4 * self.width, np.float32)
        bias[self.width : 2 * self.width] = 1
        return {
            "embedding": draw.weight(1, self.vocabulary, self.width)[0],
            "layers": [{"w": draw.weight(2 * self.width, 4 * self.width), "b": bias} for _ in range(self.depth)],
            "readout": linear_parameters(draw.weight(self.width, self.vocabulary)),
        }

    def cell(self, p: Any, state: Any, x: Any) -> Any:
        """One step of a layer: (h, c) and x, all [batch, width], → the next (h, c). The gates are i, f, g, o."""
        h, c = state
        i, f, g, o = jnp.split(linear(p, jnp.concatenate([x, h], -1)), 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    def initial_state(self, parameters: Any, batch: int) -> Any:
        """Zeros: (h, c) of each layer, [batch, width] each."""
        zeros = jnp.zeros((batch, self.width), parameters["embedding"].dtype)
        return [(zeros, zeros) for _ in parameters["layers"]]

    def run(self, parameters: Any, state: Any, tokens: Any) -> Any:
        """Integers [batch, length] → logits [batch, length, vocabulary], and the state after the last token."""

        def layer(p: Any, start: Any, xs: Any) -> Any:
            def step(state: Any, x: Any) -> Any:
                state = self.cell(p, state, x)
                return state, state[0]

            return lax.scan(step, start, xs)

        x, after = parameters["embedding"][tokens].swapaxes(0, 1), []
        for p, start in zip(parameters["layers"], state, strict=True):
            last, x = layer(p, start, x)
            after.append(last)
        return linear(parameters["readout"], x.swapaxes(0, 1)), after

    def apply(self, parameters: Any, tokens: Any) -> Any:
        """Integers [batch, length] → logits [batch, length, vocabulary], from a state of zeros."""
        return self.run(parameters, self.initial_state(parameters, tokens.shape[0]), tokens)[0]

    def loss(self, parameters: Any, tokens: Any) -> Any:
        """Mean cross-entropy in nats of each next token. ``tokens``: integers [batch, length + 1]."""
        return cross_entropy(self.apply(parameters, tokens[:, :-1]), tokens[:, 1:])
