# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Flax's modules, put together as its own examples do: of linen and of nnx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from flax.training.train_state import TrainState

from corpus.registry import KEY, Normal, Program, Programs, drawn, objective

PROGRAMS = Programs()
normal = Normal(0)
WIDTH = 16
# The type in which dropout draws its noise.
RATE: Any = np.float32(0.25)


def variables(module: nn.Module, *inputs: Any) -> Any:
    return drawn(jax.eval_shape(module.init, {"params": KEY, "dropout": KEY}, *inputs), fan_in=slice(-1))


def add(name: str, module: nn.Module, *inputs: Any) -> None:
    @PROGRAMS.model(f"flax: {name}")
    def make(_: Normal) -> Program:
        return module.apply, (variables(module, *inputs), *inputs)


class ConvNet(nn.Module):
    """Flax's example of handwritten digits, smaller."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.avg_pool(nn.relu(nn.Conv(4, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.max_pool(nn.relu(nn.Conv(8, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(16)(x.reshape(x.shape[0], -1)))
        return nn.log_softmax(nn.Dense(5)(x))


class ResNetBlock(nn.Module):
    """Of Flax's example of ImageNet."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        def norm() -> Any:
            return nn.BatchNorm(use_running_average=False, momentum=0.9)

        y = nn.relu(norm()(nn.Conv(8, (3, 3), (2, 2), use_bias=False)(x)))
        y = norm()(nn.Conv(8, (3, 3), use_bias=False)(y))
        return nn.relu(y + norm()(nn.Conv(8, (1, 1), (2, 2), use_bias=False)(x)))


class EncoderBlock(nn.Module):
    """Of the vision transformer (arXiv:2010.11929)."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = x + nn.MultiHeadDotProductAttention(num_heads=4)(nn.LayerNorm()(x))
        return x + nn.Dense(WIDTH)(nn.gelu(nn.Dense(4 * WIDTH)(nn.LayerNorm()(x))))


class Decoder(nn.Module):
    """Of Flax's example of language models: masks, an embedding that is the readout too."""

    @nn.compact
    def __call__(self, tokens: Any) -> Any:
        embedding = nn.Embed(17, WIDTH)
        x = embedding(tokens) + self.param("position", nn.initializers.normal(0.02), (tokens.shape[1], WIDTH))
        mask = nn.combine_masks(nn.make_attention_mask(tokens > 0, tokens > 0), nn.make_causal_mask(tokens))
        x = x + nn.MultiHeadDotProductAttention(num_heads=4)(nn.LayerNorm()(x), mask=mask)
        return embedding.attend(nn.LayerNorm()(x + nn.Dense(WIDTH)(nn.gelu(nn.Dense(4 * WIDTH)(nn.LayerNorm()(x))))))


class Recurrent(nn.Module):
    """Both directions of one kind of cell, then another on top; sequences of different lengths."""

    @nn.compact
    def __call__(self, xs: Any, lengths: Any) -> Any:
        def rnn(cell: Any, width: int) -> nn.RNN:
            return nn.RNN(cell(width, param_dtype=xs.dtype))  # the type that is carried

        h = nn.Bidirectional(rnn(nn.OptimizedLSTMCell, 8), rnn(nn.OptimizedLSTMCell, 8))(xs, seq_lengths=lengths)
        return rnn(nn.GRUCell, 8)(h)


class Convolutions(nn.Module):
    """Depthwise, dilated, transposed, with the norms that keep no state."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.GroupNorm(num_groups=2)(nn.Conv(8, (3, 3), feature_group_count=4)(x))
        x = nn.InstanceNorm()(nn.Conv(4, (3, 3), kernel_dilation=(2, 2), padding="CIRCULAR")(nn.silu(x)))
        x = nn.ConvTranspose(3, (3, 3), strides=(2, 2))(nn.PReLU()(x))
        return nn.WeightNorm(nn.Dense(4))(nn.RMSNorm()(x.mean((1, 2))))


class Scanned(nn.Module):
    """Three layers by nn.scan, whose values nn.remat computes again for the gradient."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        class Layer(nn.Module):
            @nn.compact
            def __call__(self, x: Any, _: Any) -> Any:
                return x + nn.Dense(WIDTH)(nn.gelu(nn.Dense(2 * WIDTH)(nn.LayerNorm()(x)))), None

        layers = nn.scan(nn.remat(Layer), variable_axes={"params": 0}, split_rngs={"params": True}, length=3)
        return layers()(x, None)[0]


IMAGES, TOKENS = normal(2, 8, 8, 4), 1 + normal.integers(16, 2, 9)
TOKENS[0, 6:] = 0
add("conv net", ConvNet(), IMAGES)
add("convolutions", Convolutions(), IMAGES)
add("encoder block", EncoderBlock(), normal(2, 10, WIDTH))
add("recurrent", Recurrent(), normal(2, 6, 5), np.array([4, 6], "i4"))
add("scanned", Scanned(), normal(4, WIDTH))


@PROGRAMS.program("flax: decoder")
def decoder(_: Normal) -> Program:
    return Decoder().apply, (variables(Decoder(), TOKENS), TOKENS)


@PROGRAMS.program("flax: decoder, gradient")
def decoder_gradient(_: Normal) -> Program:
    def loss(variables: Any, tokens: Any, targets: Any) -> Any:
        losses = optax.softmax_cross_entropy_with_integer_labels(Decoder().apply(variables, tokens), targets)
        return jnp.sum(losses, where=targets > 0) / jnp.sum(targets > 0)

    return jax.value_and_grad(loss), (variables(Decoder(), TOKENS), TOKENS, np.roll(TOKENS, -1, 1))


@PROGRAMS.program("flax: resnet block, gradient")
def resnet_block(_: Normal) -> Program:
    """With the running statistics that batch normalisation keeps."""
    initial = variables(ResNetBlock(), IMAGES)

    def step(params: Any, statistics: Any, images: Any) -> Any:
        def loss(params: Any) -> Any:
            y, moved = ResNetBlock().apply({"params": params, "batch_stats": statistics}, images, mutable=["batch_stats"])
            return objective(y), moved

        return jax.value_and_grad(loss, has_aux=True)(params)

    return step, (initial["params"], initial["batch_stats"], IMAGES)


@PROGRAMS.program("flax: training step")
def training_step(normal: Normal) -> Program:
    """A TrainState of AdamW with dropout, as Flax's documentation has it."""

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.Dropout(RATE, deterministic=False)(nn.relu(nn.Dense(12)(x)))
            return nn.Dense(3)(x)

    x, labels = normal(6, 8), normal.integers(3, 6)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-2))
    state = TrainState.create(apply_fn=Net().apply, params=variables(Net(), x)["params"], tx=optimizer)

    def step(state: Any, key: Any, x: Any, labels: Any) -> Any:
        def loss(params: Any) -> Any:
            logits = state.apply_fn({"params": params}, x, rngs={"dropout": key})
            return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))

        value, gradients = jax.value_and_grad(loss)(state.params)
        return state.apply_gradients(grads=gradients), value

    return step, (state.replace(step=np.int32(0)), KEY, x, labels)


def parts(make: Callable[[nnx.Rngs], Any]) -> tuple[Any, Any]:
    graph, state = nnx.split(nnx.eval_shape(lambda: make(nnx.Rngs(0))))
    return graph, drawn(nnx.to_pure_dict(state), fan_in=slice(-1))


def add_nnx(name: str, make: Callable[[nnx.Rngs], Any], *inputs: Any) -> None:
    """The module in two parts, as nnx.split gives them; the gradient by nnx.value_and_grad."""

    @PROGRAMS.program(f"flax nnx: {name}")
    def forward(_: Normal) -> Program:
        graph, state = parts(make)
        return lambda state, *xs: nnx.merge(graph, state)(*xs), (state, *inputs)

    @PROGRAMS.program(f"flax nnx: {name}, gradient")
    def gradient(_: Normal) -> Program:
        graph, state = parts(make)

        def step(state: Any, *xs: Any) -> Any:
            loss = nnx.value_and_grad(lambda module: objective(module(*xs)))
            value, gradients = loss(nnx.merge(graph, state))
            return value, nnx.to_pure_dict(gradients)

        return step, (state, *inputs)


class NnxBlock(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.norm = nnx.LayerNorm(WIDTH, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(4, WIDTH, decode=False, rngs=rngs)
        self.adapted = nnx.LoRALinear(WIDTH, WIDTH, lora_rank=2, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        mask = nnx.make_causal_mask(x[..., 0])
        x = x + self.attention(self.norm(x), mask=mask)
        return x + nnx.gelu(self.adapted(x))


class NnxConvNet(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.first = nnx.Conv(4, 6, (3, 3), rngs=rngs)
        self.norm = nnx.GroupNorm(6, num_groups=2, rngs=rngs)
        self.second = nnx.Conv(6, 8, (3, 3), strides=2, rngs=rngs)
        self.readout = nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        x = nnx.avg_pool(nnx.relu(self.norm(self.first(x))), (2, 2), (2, 2))
        return self.readout(nnx.relu(self.second(x)).mean((1, 2)))


add_nnx("block", NnxBlock, normal(2, 10, WIDTH))
add_nnx("conv net", NnxConvNet, IMAGES)
