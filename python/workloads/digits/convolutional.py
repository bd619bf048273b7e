# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small convolutional net on the same task, with what ``model`` has."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray
from steelyard.models import LeNet

from workloads.digits import model

NET = LeNet(image=(8, 8, 1), channels=(8, 16), hidden=(64,), kernel=3, maxima=True)
initialise = NET.initialise


def loss(parameters: Any, x: Any, y: Any, multiplier: Any) -> Any:
    return multiplier * NET.loss(parameters, x.reshape(-1, *NET.image), y.argmax(-1))


def step(parameters: Any, m: Any, v: Any, t: Any, x: Any, y: Any, multiplier: Any) -> tuple[Any, ...]:
    return model.adam(loss, parameters, m, v, t, x, y, multiplier)


def predict(parameters: Any, x: NDArray[np.float32]) -> NDArray[np.int64]:
    """Classes, in float32 JAX, of whatever the parameters hold."""
    parameters = jax.tree.map(lambda p: np.asarray(p, np.float32), parameters)
    return np.asarray(_apply(parameters, x.reshape(-1, *NET.image)).argmax(-1))


_apply = jax.jit(NET.apply)
