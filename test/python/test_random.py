# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random bits are JAX's, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steelyard
from jax import lax
from jax._src.random.threefry2x32 import _threefry2x32_lowering

SHAPES = [(), (1,), (7,), (8,), (2, 4), (3, 5), (5, 4, 3), (3, 5, 7), (0, 3)]
ALGORITHMS = [lax.RandomAlgorithm.RNG_DEFAULT, lax.RandomAlgorithm.RNG_THREE_FRY, lax.RandomAlgorithm.RNG_PHILOX]


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: a.name)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
def test_rng_bit_generator(dtype: str, algorithm: lax.RandomAlgorithm) -> None:
    """The last key's counter overflows its lower half."""
    with jax.enable_x64(True):
        for shape in SHAPES:

            def bits(key: Any, shape: tuple[int, ...] = shape) -> Any:
                return lax.rng_bit_generator(key, shape, jnp.dtype(dtype), algorithm)

            generator = steelyard.jit(bits)
            for key in ([0, 0, 0, 0], [7, 1, 5, 0x80000002], [2**32 - 1, 2**32 - 1, 2**32 - 2, 2**32 - 1]):
                state = np.array(key, np.uint32)
                for ours, theirs in zip(generator(state), jax.jit(bits)(state), strict=True):
                    assert np.asarray(ours).dtype == theirs.dtype
                    np.testing.assert_array_equal(ours, theirs)


def philox(counter: int, key: int) -> list[int]:
    """Philox4x32-10 by its paper, in Python's integers."""
    mask = 2**32 - 1
    x = [counter >> 32 * k & mask for k in range(4)]
    k0, k1 = key & mask, key >> 32
    for _ in range(10):
        p, q = x[0] * 0xD2511F53, x[2] * 0xCD9E8D57
        x = [q >> 32 ^ x[1] ^ k0, q & mask, p >> 32 ^ x[3] ^ k1, p & mask]
        k0, k1 = (k0 + 0x9E3779B9) & mask, (k1 + 0xBB67AE85) & mask
    return x


def test_philox_of_three_words() -> None:
    """A form that JAX does not print: the counter of 128 bits in the state. And bits as signed integers and floats."""
    text = """
    func.func @main(%s: tensor<3xui64>) -> (tensor<3xui64>, tensor<9xui32>, tensor<9xf32>, tensor<9xi32>) {
      %t, %0 = stablehlo.rng_bit_generator %s, algorithm = PHILOX : (tensor<3xui64>) -> (tensor<3xui64>, tensor<9xui32>)
      %u, %1 = stablehlo.rng_bit_generator %s, algorithm = DEFAULT : (tensor<3xui64>) -> (tensor<3xui64>, tensor<9xf32>)
      %v, %2 = stablehlo.rng_bit_generator %s, algorithm = DEFAULT : (tensor<3xui64>) -> (tensor<3xui64>, tensor<9xi32>)
      return %t, %0, %1, %2 : tensor<3xui64>, tensor<9xui32>, tensor<9xf32>, tensor<9xi32>
    }"""
    module = steelyard.compile(text)
    for key, low, high in [(5, 6, 7), (2**64 - 3, 2**64 - 1, 12), (1, 2**64 - 2, 2**64 - 1)]:
        counter = low + (high << 64)
        want = [word for k in range(3) for word in philox((counter + k) % 2**128, key)][:9]
        after = (counter + 3) % 2**128
        state, bits, floats, integers = module(np.array([key, low, high], np.uint64))
        assert [int(s) for s in state] == [key, after % 2**64, after >> 64]
        np.testing.assert_array_equal(bits, np.array(want, np.uint32))
        np.testing.assert_array_equal(np.asarray(floats).view(np.uint32), bits)
        np.testing.assert_array_equal(np.asarray(integers).view(np.uint32), bits)


def test_unrolled_threefry() -> None:
    """As JAX lowers it where loops are unrolled."""

    def hashed(k: Any, x: Any) -> Any:
        return _threefry2x32_lowering(k[0], k[1], x, x + 7, use_rolled_loops=False)

    k, x = np.array([0x13198A2E, 0x03707344], np.uint32), np.arange(9, dtype=np.uint32) * 0x12345678
    for ours, theirs in zip(steelyard.jit(hashed)(k, x), jax.jit(hashed)(k, x), strict=True):
        np.testing.assert_array_equal(ours, theirs)


SAMPLERS: dict[str, Callable[[Any], Any]] = {
    "bits": lambda k: jax.random.bits(k, (7,)),
    "bits of 8": lambda k: jax.random.bits(k, (7,), jnp.uint8),
    "uniform": lambda k: jax.random.uniform(k, (3, 5)),
    "uniform bfloat16": lambda k: jax.random.uniform(k, (3, 5), jnp.bfloat16),
    "bernoulli": lambda k: jax.random.bernoulli(k, 0.3, (9,)),
    "randint": lambda k: jax.random.randint(k, (9,), 0, 77),
    "categorical": lambda k: jax.random.categorical(k, jnp.arange(5.0), shape=(9,)),
    "permutation": lambda k: jax.random.permutation(k, 11),
    "choice": lambda k: jax.random.choice(k, 11, (5,)),
    "choice without replacement": lambda k: jax.random.choice(k, 11, (5,), replace=False),
    "rademacher": lambda k: jax.random.rademacher(k, (9,)),
    "split": lambda k: jax.random.key_data(jax.random.split(k, 3)),
    "fold_in": lambda k: jax.random.key_data(jax.random.fold_in(k, 3)),
}


@pytest.mark.parametrize(
    ("kind", "partitionable"),
    [("threefry2x32", True), ("threefry2x32", False), ("rbg", True), ("unsafe_rbg", True)],
    ids=lambda value: str(value),
)
@pytest.mark.parametrize("name", SAMPLERS)
def test_jax_random(name: str, kind: str, partitionable: bool) -> None:
    """By every generator: unsafe_rbg is printed without loops, the others with them."""

    def sample(data: Any) -> Any:
        return SAMPLERS[name](jax.random.wrap_key_data(data, impl=kind))

    with jax.threefry_partitionable(partitionable):
        ours, theirs = steelyard.jit(sample), jax.jit(sample)
        for seed in range(3):
            data = np.asarray(jax.random.key_data(jax.random.key(seed, impl=kind)))
            np.testing.assert_array_equal(ours(data), theirs(data))


def test_scaled_programs_draw_the_same_bits() -> None:
    def drop(data: Any, x: Any) -> Any:
        key = jax.random.wrap_key_data(data, impl="unsafe_rbg")
        return jnp.where(jax.random.bernoulli(key, 0.5, x.shape), 2 * x, 0)

    data, x = np.arange(4, dtype=np.uint32), np.arange(32, dtype=np.float32)
    np.testing.assert_array_equal(steelyard.jit(drop, scheme=steelyard.Scalify())(data, x), jax.jit(drop)(data, x))
