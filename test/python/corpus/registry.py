# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a program of the corpus is, and a dictionary of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# A function and its arguments: float32, int32 and uint32 arrays, in pytrees.
Program = tuple[Callable[..., Any], tuple[Any, ...]]


class Normal:
    """Draws normal numbers in float32, in the order in which it is asked."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def __call__(self, *shape: int, by: float = 1.0) -> Any:
        return (self.random.standard_normal(shape) * by).astype("f4")

    def integers(self, bound: int, *shape: int) -> Any:
        return self.random.integers(0, bound, shape).astype("i4")


# What makes a program, given numbers that are the same whichever programs are made.
Maker = Callable[[Normal], Program]


class Programs(Mapping[str, Program]):
    """Programs by name, each made when it is first asked for: libraries draw parameters as they make a module."""

    def __init__(self, *families: Programs) -> None:
        self._makers: dict[str, Maker] = {}
        self._made: dict[str, Program] = {}
        for family in families:
            for name, make in family._makers.items():
                self._enter(name, make)

    def _enter(self, name: str, make: Maker) -> None:
        if name in self._makers:
            raise ValueError(f"two programs are called {name!r}")
        self._makers[name] = make

    def add(self, name: str, function: Callable[..., Any], *arguments: Any) -> None:
        self._enter(name, lambda _: (function, arguments))

    def program(self, name: str) -> Callable[[Maker], None]:
        """Decorates what makes a program."""
        return lambda make: self._enter(name, make)

    def model(self, name: str) -> Callable[[Maker], None]:
        """Decorates what makes a model, whose first argument is its parameters: the model, and with its gradient."""

        def enter(make: Maker) -> None:
            def gradient(_: Normal) -> Program:
                function, arguments = self[name]
                return with_gradient(function), arguments

            self._enter(name, make)
            self._enter(f"{name}, gradient", gradient)

        return enter

    def __getitem__(self, name: str) -> Program:
        if name not in self._made:
            function, arguments = self._makers[name](Normal(0))
            self._made[name] = function, jax.tree.map(np.asarray, arguments)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def objective(y: Any) -> Any:
    """A scalar of what a model gives: a root mean square, with weights, since a norm's are always the same otherwise.

    The root is of the magnitude of what the model gives, so that float32 holds it wherever it holds that.
    """
    weights = np.float32(1 + np.cos(np.arange(y.size)) / 2).reshape(y.shape)
    return jnp.sqrt(jnp.mean(weights.astype(y.dtype) * jnp.square(y)))


def with_gradient(model: Callable[..., Any]) -> Callable[..., Any]:
    return lambda p, *inputs: jax.value_and_grad(lambda p: objective(model(p, *inputs)))(p)


def drawn(shapes: Any, fan_in: slice) -> Any:
    """Parameters for what a library makes, by the shapes alone: its own initialisers would be compiled, for seconds.

    Weights have variance 1 / fan-in, which is the product of the dimensions in ``fan_in``; vectors are ones if they are
    called weight or scale, as those of norms, and zeros otherwise.
    """
    normal = Normal(0)

    def draw(path: Any, leaf: Any) -> Any:
        if len(leaf.shape) > 1:
            return normal(*leaf.shape, by=float(np.prod(leaf.shape[fan_in])) ** -0.5).astype(leaf.dtype)
        is_gain = any(name in jax.tree_util.keystr(path[-1:]) for name in ("weight", "scale", "var"))
        return np.full(leaf.shape, is_gain, leaf.dtype)

    return jax.tree_util.tree_map_with_path(draw, shapes)


# A key of jax.random, as its bits.
KEY = np.array([0, 7], "u4")
