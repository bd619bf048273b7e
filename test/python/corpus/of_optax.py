# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Optax's optimizers and losses, as they are."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib

from corpus.registry import Normal, Program, Programs

PROGRAMS = Programs()
normal = Normal(0)
PARAMETERS, GRADIENTS = {"w": normal(5, 4), "b": normal(4)}, {"w": normal(5, 4), "b": normal(4)}


def update(optimizer: Any, steps: int = 1) -> Program:
    """The second step and further ones: the first ones' state is not only zeros."""

    def step(parameters: Any, state: Any, gradients: Any) -> Any:
        for _ in range(steps):
            updates, state = optimizer.update(gradients, state, parameters)
            parameters = optax.apply_updates(parameters, updates)
        return parameters, state

    others = jax.tree.map(lambda g: np.roll(g, 1), GRADIENTS)
    _, state = jax.jit(optimizer.update)(others, optimizer.init(PARAMETERS), PARAMETERS)
    return step, (PARAMETERS, state, GRADIENTS)


def add(name: str, make: Any, steps: int = 1) -> None:
    PROGRAMS.program(name)(lambda _: update(make(), steps))


add("adam", lambda: optax.adam(1e-3))
add("adamw", lambda: optax.adamw(1e-3))
add("amsgrad", lambda: optax.amsgrad(1e-3))
add("nadamw", lambda: optax.nadamw(1e-3))
add("adabelief", lambda: optax.adabelief(1e-3))
add("adadelta", lambda: optax.adadelta(1e-3))
add("adagrad", lambda: optax.adagrad(1e-2))
add("adafactor", lambda: optax.adafactor(1e-3))
add("adamax", lambda: optax.adamax(1e-3))
add("lamb", lambda: optax.lamb(1e-3))
add("lars", lambda: optax.lars(1e-2))
add("lion", lambda: optax.lion(1e-3))
add("muon", lambda: optax.contrib.muon(1e-3))
add("novograd", lambda: optax.novograd(1e-3))
add("radam", lambda: optax.radam(1e-3), steps=6)
add("rmsprop", lambda: optax.rmsprop(1e-3))
add("schedule-free adamw", lambda: optax.contrib.schedule_free_adamw(1e-3))
add("sgd", lambda: optax.sgd(0.1, momentum=0.9))
add("sgd, nesterov", lambda: optax.sgd(0.1, momentum=0.9, nesterov=True))
add("sm3", lambda: optax.sm3(1e-2))
add("yogi", lambda: optax.yogi(1e-3))
add(
    "clipped, scheduled adam",
    lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(1e-3, 100))),
)
add(
    "warm, masked adamw",
    lambda: optax.adamw(
        optax.warmup_cosine_decay_schedule(0.0, 1e-3, 4, 20), weight_decay=0.1, mask={"w": True, "b": False}
    ),
    steps=5,
)
add("adaptively clipped sgd", lambda: optax.chain(optax.adaptive_grad_clip(0.1), optax.sgd(0.1)))
add("averaged lion", lambda: optax.chain(optax.lion(1e-3), optax.ema(0.9)))
add(
    "one optimizer for each parameter",
    lambda: optax.multi_transform({"a": optax.adam(1e-3), "s": optax.sgd(0.1)}, {"w": "a", "b": "s"}),
)


def losses(logits: Any, targets: Any, labels: Any) -> Any:
    p, log_p = jax.nn.softmax(targets), jax.nn.log_softmax(logits)
    return {
        "softmax": optax.softmax_cross_entropy_with_integer_labels(logits, labels),
        "smooth": optax.softmax_cross_entropy(logits, optax.smooth_labels(jax.nn.one_hot(labels, 5), 0.1)),
        "sigmoid": optax.sigmoid_binary_cross_entropy(logits, p),
        "focal": optax.sigmoid_focal_loss(logits, p),
        "divergence": optax.kl_divergence(log_p, p),
        "poly": optax.losses.poly_loss_cross_entropy(logits, p),
        "hinge": optax.hinge_loss(logits, jnp.sign(targets)),
        "huber": optax.huber_loss(logits, targets),
        "log cosh": optax.log_cosh(logits, targets),
        "cosine": optax.cosine_distance(logits, targets, epsilon=1e-6),
        "square": optax.l2_loss(logits, targets),
        "ranking": optax.losses.ranking_softmax_loss(logits, p),
    }


BATCH = (normal(6, 5, by=2), normal(6, 5), normal.integers(5, 6))
PROGRAMS.add("losses", losses, *BATCH)
PROGRAMS.add(
    "losses, gradient",
    jax.value_and_grad(lambda *batch: sum(jnp.mean(loss) for loss in jax.tree.leaves(losses(*batch)))),
    *BATCH,
)


@PROGRAMS.program("connectionist temporal classification, gradient")
def ctc(normal: Normal) -> Program:
    def loss(logits: Any, labels: Any) -> Any:
        return jnp.mean(optax.ctc_loss(logits, jnp.zeros(logits.shape[:2]), labels, jnp.zeros(labels.shape)))

    return jax.value_and_grad(loss), (normal(2, 7, 5), 1 + normal.integers(4, 2, 3))
