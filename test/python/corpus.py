# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs that people train, in plain JAX at small sizes: models, their gradients, optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

random = np.random.default_rng(0)
BATCH, LENGTH, WIDTH, HEADS, VOCABULARY = 2, 12, 32, 4, 17


def normal(*shape: int, by: float = 1.0) -> Any:
    return (random.standard_normal(shape) * by).astype("f4")


def layer_norm(x: Any, gain: Any, bias: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred * lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + 1e-5) * gain + bias


def rms_norm(x: Any, gain: Any) -> Any:
    return x * lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + 1e-6) * gain


def split_heads(x: Any, heads: int) -> Any:
    return x.reshape(*x.shape[:-1], heads, -1).swapaxes(-3, -2)


def attention(q: Any, k: Any, v: Any, hidden: float | None) -> Any:
    """Causal if scores of the future become ``hidden``."""
    scores = jnp.einsum("bhtd,bhsd->bhts", q, k) / np.float32(np.sqrt(q.shape[-1]))
    if hidden is not None:
        scores = jnp.where(jnp.tril(jnp.ones(scores.shape[-2:], bool)), scores, hidden)
    mixed = jnp.einsum("bhts,bhsd->bhtd", jax.nn.softmax(scores), v)
    return mixed.swapaxes(1, 2).reshape(q.shape[0], q.shape[2], -1)


def gpt_block(p: Any, x: Any, hidden: float | None = -1e30) -> Any:
    q, k, v = (split_heads(a, HEADS) for a in jnp.split(layer_norm(x, p["g1"], p["b1"]) @ p["qkv"], 3, -1))
    x = x + attention(q, k, v, hidden) @ p["out"]
    return x + jax.nn.gelu(layer_norm(x, p["g2"], p["b2"]) @ p["up"] + p["c"]) @ p["down"]


def bert_block(p: Any, x: Any) -> Any:
    return gpt_block(p, x, hidden=None)


GPT = {
    "g1": np.ones(WIDTH, "f4"), "b1": np.zeros(WIDTH, "f4"), "g2": np.ones(WIDTH, "f4"), "b2": np.zeros(WIDTH, "f4"),
    "qkv": normal(WIDTH, 3 * WIDTH, by=0.18), "out": normal(WIDTH, WIDTH, by=0.18),
    "up": normal(WIDTH, 4 * WIDTH, by=0.18), "c": np.zeros(4 * WIDTH, "f4"), "down": normal(4 * WIDTH, WIDTH, by=0.09),
}  # fmt: skip


def rotate(x: Any) -> Any:
    """Rotary position embeddings (arXiv:2104.09864)."""
    width = x.shape[-1]
    angles = jnp.arange(x.shape[-2])[:, None] * 10000.0 ** (-jnp.arange(0, width, 2) / width)
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    even, odd = x[..., ::2], x[..., 1::2]
    return jnp.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)


def llama_block(p: Any, x: Any) -> Any:
    h = rms_norm(x, p["g1"])
    q = split_heads(h @ p["q"], HEADS)
    k, v = (jnp.repeat(split_heads(a, HEADS // 2), 2, 1) for a in jnp.split(h @ p["kv"], 2, -1))
    x = x + attention(rotate(q), rotate(k), v, -jnp.inf) @ p["out"]
    h = rms_norm(x, p["g2"])
    return x + (jax.nn.silu(h @ p["gate"]) * (h @ p["up"])) @ p["down"]


LLAMA = {
    "g1": np.ones(WIDTH, "f4"), "g2": np.ones(WIDTH, "f4"), "q": normal(WIDTH, WIDTH, by=0.18),
    "kv": normal(WIDTH, WIDTH, by=0.18), "out": normal(WIDTH, WIDTH, by=0.18), "gate": normal(WIDTH, 64, by=0.18),
    "up": normal(WIDTH, 64, by=0.18), "down": normal(64, WIDTH, by=0.12),
}  # fmt: skip


def scanned_layers(stacked: Any, x: Any) -> Any:
    return lax.scan(lambda x, layer: (gpt_block(layer, x), None), x, stacked)[0]


STACKED = jax.tree.map(lambda a: np.stack([a, np.float32(0.9) * a, np.float32(1.1) * a]), GPT)


def language_model(p: Any, tokens: Any) -> Any:
    x = gpt_block(p["block"], p["embedding"][tokens] + p["position"])
    log_p = jax.nn.log_softmax((x @ p["embedding"].T)[:, :-1])
    return -jnp.mean(jnp.take_along_axis(log_p, tokens[:, 1:, None], -1))


LM = {"embedding": normal(VOCABULARY, WIDTH, by=0.3), "position": normal(LENGTH, WIDTH, by=0.3), "block": GPT}
TOKENS = random.integers(0, VOCABULARY, (BATCH, LENGTH)).astype("i4")


def lstm(p: Any, xs: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        i, f, g, o = jnp.split(jnp.concatenate([x, h], -1) @ p["w"] + p["b"], 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    start = jnp.zeros((xs.shape[1], p["b"].shape[0] // 4), xs.dtype)
    return lax.scan(step, (start, start), xs)[1]


def rnn(p: Any, xs: Any) -> Any:
    start = jnp.zeros((xs.shape[1], p["b"].shape[0]), xs.dtype)
    return lax.scan(lambda h, x: (jnp.tanh(x @ p["w"] + h @ p["u"] + p["b"]),) * 2, start, xs)[1]


def convolve(x: Any, w: Any, stride: int = 1) -> Any:
    return lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def batch_norm(x: Any, gain: Any, bias: Any) -> Any:
    return (x - x.mean((0, 1, 2))) / jnp.sqrt(x.var((0, 1, 2)) + 1e-5) * gain + bias


def resnet_block(p: Any, x: Any) -> Any:
    h = jax.nn.relu(batch_norm(convolve(x, p["first"]), p["g"], p["b"]))
    h = batch_norm(convolve(h, p["second"], 2), p["g"], p["b"]) + convolve(x, p["skip"], 2)
    return jax.nn.relu(h).mean((1, 2)) @ p["w"]


def lenet(p: Any, x: Any) -> Any:
    window = (1, 2, 2, 1)
    x = lax.reduce_window(jnp.tanh(convolve(x, p["first"])), 0.0, lax.add, window, window, "VALID") / 4
    x = lax.reduce_window(jax.nn.relu(convolve(x, p["second"])), -jnp.inf, lax.max, window, window, "VALID")
    return x.reshape(x.shape[0], -1) @ p["w"]


RESNET = {
    "first": normal(3, 3, 3, 8, by=0.2), "second": normal(3, 3, 8, 8, by=0.12), "skip": normal(1, 1, 3, 8, by=0.5),
    "g": np.ones(8, "f4"), "b": np.zeros(8, "f4"), "w": normal(8, 5, by=0.3),
}  # fmt: skip
LENET = {"first": normal(5, 5, 3, 4, by=0.1), "second": normal(5, 5, 4, 8, by=0.1), "w": normal(72, 5, by=0.1)}
IMAGES = normal(2, 12, 12, 3)


def mixture_of_experts(p: Any, x: Any) -> Any:
    gates, chosen = lax.top_k(jax.nn.softmax(x @ p["router"]), 2)
    y = jnp.einsum("teh,ehd->ted", jax.nn.gelu(jnp.einsum("td,edh->teh", x, p["up"])), p["down"])
    return jnp.einsum("te,ted->td", jnp.sum(jax.nn.one_hot(chosen, 4) * gates[..., None], 1), y)


EXPERTS = {"router": normal(WIDTH, 4), "up": normal(4, WIDTH, 16, by=0.2), "down": normal(4, 16, WIDTH, by=0.2)}


def with_gradient(model: Callable[..., Any]) -> Callable[..., Any]:
    """Value and gradient of the mean square of what the model gives."""
    return lambda p, *inputs: jax.value_and_grad(lambda p: jnp.mean(jnp.square(model(p, *inputs))))(p)


def update(optimizer: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def step(parameters: Any, state: Any, gradients: Any) -> Any:
        updates, state = optimizer.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state

    parameters = {"w": normal(5, 4), "b": normal(4)}
    state = jax.tree.map(np.asarray, optimizer.init(parameters))
    return step, (parameters, state, {"w": normal(5, 4), "b": normal(4)})


def activations(x: Any) -> Any:
    return (
        jax.nn.elu(x), jax.nn.selu(x), jax.nn.softplus(x), jax.nn.mish(x), jax.nn.hard_swish(x), jax.nn.leaky_relu(x),
        jax.nn.gelu(x, approximate=False), jax.nn.log_sigmoid(x), jax.nn.relu6(x),
    )  # fmt: skip


def prefixes(x: Any) -> Any:
    return jnp.cumsum(x, 0), lax.cummax(x), lax.cumlogsumexp(x)


X, SEQUENCE, TABLE = normal(BATCH, LENGTH, WIDTH), normal(LENGTH, BATCH, WIDTH), normal(6, 5)
LSTM = {"w": normal(WIDTH + 16, 64, by=0.2), "b": np.zeros(64, "f4")}
RNN = {"w": normal(WIDTH, 16, by=0.2), "u": normal(16, 16, by=0.2), "b": np.zeros(16, "f4")}
MODELS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "gpt_block": (gpt_block, (GPT, X)),
    "bert_block": (bert_block, (GPT, X)),
    "llama_block": (llama_block, (LLAMA, X)),
    "scanned_layers": (scanned_layers, (STACKED, X)),
    "remat": (jax.checkpoint(gpt_block), (GPT, X)),
    "lstm": (lstm, (LSTM, SEQUENCE)),
    "rnn": (rnn, (RNN, SEQUENCE)),
    "resnet_block": (resnet_block, (RESNET, IMAGES)),
    "lenet": (lenet, (LENET, IMAGES)),
    "mixture_of_experts": (mixture_of_experts, (EXPERTS, X[0])),
}
PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    **MODELS,
    **{f"{name}, gradient": (with_gradient(f), arguments) for name, (f, arguments) in MODELS.items()},
    "language_model": (language_model, (LM, TOKENS)),
    "language_model, gradient": (jax.value_and_grad(language_model), (LM, TOKENS)),
    "adam": update(optax.adam(1e-3)),
    "adamw": update(optax.adamw(1e-3)),
    "sgd": update(optax.sgd(0.1, momentum=0.9)),
    "lion": update(optax.lion(1e-3)),
    "adafactor": update(optax.adafactor(1e-3)),
    "lamb": update(optax.lamb(1e-3)),
    "rmsprop": update(optax.rmsprop(1e-3)),
    "clipped, scheduled adam": update(
        optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(1e-3, 100)))
    ),
    "activations": (activations, (normal(20, by=3),)),
    "activations, derivative": (lambda x: jax.jvp(activations, (x,), (jnp.ones_like(x),))[1], (normal(20, by=3),)),
    "prefixes": (prefixes, (TABLE,)),
    "order": (lambda x: (jnp.sort(x), jnp.argsort(x, 0), jnp.median(x)), (TABLE,)),
    "norms": (lambda x: (jnp.linalg.norm(x, axis=1), jnp.std(x), jnp.var(x, 0), jax.nn.logsumexp(x, -1)), (TABLE,)),
    "segment_sum": (lambda x, i: jax.ops.segment_sum(x, i, 4), (TABLE, np.array([0, 1, 1, 3, 0, 2], "i4"))),
    "hessian": (jax.hessian(lambda x: jnp.sum(jnp.tanh(x) ** 3)), (normal(5),)),
}
