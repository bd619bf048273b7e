# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Written by hand in plain JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from steelyard.models import GPT

from corpus.registry import KEY, Normal, Program, Programs

PROGRAMS = Programs()
normal = Normal(0)
WIDTH, TABLE = 32, normal(6, 5)


@PROGRAMS.model("remat")
def remat(normal: Normal) -> Program:
    """A block of GPT whose values are computed again for its gradient."""
    model = GPT(vocabulary=1, length=12, width=WIDTH, depth=1)
    return jax.checkpoint(model.block), (model.initialise(0)["blocks"][0], normal(2, 12, WIDTH))


@PROGRAMS.model("rnn")
def rnn(normal: Normal) -> Program:
    def run(p: Any, xs: Any) -> Any:
        start = jnp.zeros((xs.shape[1], p["b"].shape[0]), xs.dtype)
        return lax.scan(lambda h, x: (jnp.tanh(x @ p["w"] + h @ p["u"] + p["b"]),) * 2, start, xs)[1]

    parameters = {"w": normal(WIDTH, 16, by=0.2), "u": normal(16, 16, by=0.2), "b": np.zeros(16, "f4")}
    return run, (parameters, normal(12, 2, WIDTH))


@PROGRAMS.model("mixture of experts")
def mixture_of_experts(normal: Normal) -> Program:
    def run(p: Any, x: Any) -> Any:
        gates, chosen = lax.top_k(jax.nn.softmax(x @ p["router"]), 2)
        y = jnp.einsum("teh,ehd->ted", jax.nn.gelu(jnp.einsum("td,edh->teh", x, p["up"])), p["down"])
        return jnp.einsum("te,ted->td", jnp.sum(jax.nn.one_hot(chosen, 4) * gates[..., None], 1), y)

    parameters = {"router": normal(WIDTH, 4), "up": normal(4, WIDTH, 16, by=0.2), "down": normal(4, 16, WIDTH, by=0.2)}
    return run, (parameters, normal(12, WIDTH))


@PROGRAMS.model("mixture of experts, gathered")
def gathered_experts(normal: Normal) -> Program:
    """Each token takes the weights of the experts that it is sent to."""

    def run(p: Any, x: Any) -> Any:
        gates, chosen = lax.top_k(jax.nn.softmax(x @ p["router"]), 2)
        hidden = jax.nn.gelu(jnp.einsum("td,tkdh->tkh", x, p["up"][chosen]))
        return jnp.einsum("tk,tkh,tkhd->td", gates, hidden, p["down"][chosen])

    parameters = {"router": normal(WIDTH, 4), "up": normal(4, WIDTH, 16, by=0.2), "down": normal(4, 16, WIDTH, by=0.2)}
    return run, (parameters, normal(12, WIDTH))


@PROGRAMS.program("sampler")
def sampler(normal: Normal) -> Program:
    """Temperature, top-k and top-p (nucleus), then a draw: the tokens, and what they were drawn from."""

    def sample(key: Any, logits: Any, temperature: Any) -> Any:
        logits = logits / temperature
        least = lax.top_k(logits, 12)[0][..., -1:]
        logits = jnp.where(logits < least, -jnp.inf, logits)
        order = jnp.argsort(-logits, -1)
        p = jax.nn.softmax(jnp.take_along_axis(logits, order, -1))
        kept = jnp.take_along_axis(jnp.cumsum(p, -1) - p < 0.9, jnp.argsort(order, -1), -1)
        logits = jnp.where(kept, logits, -jnp.inf)
        # The noise is float32 also where the logits are not.
        tokens = jnp.argmax(logits + jax.random.gumbel(key, logits.shape, jnp.float32), -1)
        return tokens, jax.nn.softmax(logits)

    return sample, (KEY, normal(4, 40, by=3), np.float32(0.7))


@PROGRAMS.program("categorical")
def categorical(normal: Normal) -> Program:
    return lambda key, logits: jax.random.categorical(key, logits.astype(jnp.float32), shape=(9, 3)), (KEY, normal(3, 5))


@PROGRAMS.program("generation")
def generation(normal: Normal) -> Program:
    """Tokens one after another, each the likeliest, by a loop over a buffer."""
    model = GPT(vocabulary=17, length=8, width=WIDTH, depth=1)

    def generate(parameters: Any, tokens: Any) -> Any:
        def step(at: Any, tokens: Any) -> Any:
            logits = lax.dynamic_index_in_dim(model.apply(parameters, tokens), at - 1, 1, keepdims=False)
            return lax.dynamic_update_slice(tokens, jnp.argmax(logits, -1).astype(jnp.int32)[:, None], (0, at))

        return lax.fori_loop(2, 8, step, tokens)

    return generate, (model.initialise(0), np.pad(normal.integers(17, 2, 2), ((0, 0), (0, 6))))


def activations(x: Any) -> Any:
    return (
        jax.nn.elu(x), jax.nn.selu(x), jax.nn.softplus(x), jax.nn.mish(x), jax.nn.hard_swish(x), jax.nn.leaky_relu(x),
        jax.nn.gelu(x, approximate=False), jax.nn.log_sigmoid(x), jax.nn.relu6(x),
    )  # fmt: skip


def prefixes(x: Any) -> Any:
    return jnp.cumsum(x, 0), lax.cummax(x), lax.cumlogsumexp(x)


def order(x: Any) -> Any:
    return jnp.sort(x), jnp.argsort(x, 0), jnp.median(x)


def norms(x: Any) -> Any:
    return jnp.linalg.norm(x, axis=1), jnp.std(x), jnp.var(x, 0), jax.nn.logsumexp(x, -1)


def noise(key: Any, x: Any) -> Any:
    """Drawn in float32 whatever x is, and in a way that is exact."""
    first, second = jax.random.split(key)
    kept = jax.random.bernoulli(first, np.float32(0.75), x.shape)
    return jnp.where(kept, x / np.float32(0.75), 0) + jax.random.uniform(second, x.shape, jnp.float32)


PROGRAMS.add("activations", activations, normal(20, by=3))
PROGRAMS.add("activations, derivative", lambda x: jax.jvp(activations, (x,), (jnp.ones_like(x),))[1], normal(20, by=3))
PROGRAMS.add("prefixes", prefixes, TABLE)
PROGRAMS.add("order", order, TABLE)
PROGRAMS.add("norms", norms, TABLE)
PROGRAMS.add("noise", noise, KEY, TABLE)
PROGRAMS.add("segment_sum", lambda x, i: jax.ops.segment_sum(x, i, 4), TABLE, np.array([0, 1, 1, 3, 0, 2], "i4"))
PROGRAMS.add("hessian", jax.hessian(lambda x: jnp.sum(jnp.tanh(x) ** 3)), normal(5))
