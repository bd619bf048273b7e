# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The contractions of a GPT block in FP8, operands in bf16, and contractions of odd sizes.

Of each linear layer y = x wᵀ, with w [out, in]: forward, dgrad dx = dy w, wgrad dw = dyᵀ x. FP8 is E4M3 for x and w and
E5M2 for dy, with current scales a tensor; quantising is a part of the work. Nothing here names a kernel: products are
``dot_general`` of arrays in 8 bits, with sums in float32 that are multiplied by the inverse scales.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

TOKENS = 8192
LAYERS = {
    "qkv": (2048, 6144),
    "attention output": (2048, 2048),
    "MLP, up": (2048, 8192),
    "MLP, down": (8192, 2048),
}
ODD_SIZES = ((8191, 2047, 4095), (4096, 2048, 2049), (4093, 2039, 4091), (8200, 2056, 2056))  # m, n, k
BF16, F32 = jnp.bfloat16, jnp.float32
E4M3, E5M2 = "float8_e4m3fn", "float8_e5m2"
LARGEST = {E4M3: 448.0, E5M2: 57344.0}
#: Of each pass: the operands of the layer, their formats, and the dimension of each that is contracted.
PASSES: dict[str, tuple[str, str, str, str, int, int]] = {
    "forward": ("x", "w", E4M3, E4M3, 1, 1),
    "dgrad": ("dy", "w", E5M2, E4M3, 1, 0),
    "wgrad": ("dy", "x", E5M2, E4M3, 0, 0),
}
Shape = tuple[int, int]


def quantised(x: Any, dtype: str) -> tuple[Any, Any]:
    """Codes, and what they are multiplied by to have their values."""
    x = x.astype(F32)
    amax = jnp.abs(x).max()
    codes = jnp.clip(x * (LARGEST[dtype] / amax), -LARGEST[dtype], LARGEST[dtype]).astype(dtype)
    return codes, amax / LARGEST[dtype]


def contracted(a: Any, b: Any, left: int, right: int) -> Any:
    """The sums over a dimension of each, in float32."""
    return jax.lax.dot_general(a, b, (((left,), (right,)), ((), ())), preferred_element_type=F32)


def product(a: tuple[Any, Any], b: tuple[Any, Any], left: int, right: int) -> Any:
    """Of quantised operands."""
    return (contracted(a[0], b[0], left, right) * (a[1] * b[1])).astype(BF16)


@dataclasses.dataclass(frozen=True)
class Contraction:
    """One product: ``a`` and ``b`` lie in memory as the layer has them, one dimension of each is contracted.

    Attributes
    ----------
    name : str
    a, b : shapes
    formats : their types in 8 bits
    dims : int, int
        Which dimension of each is contracted.
    """

    name: str
    a: Shape
    b: Shape
    formats: tuple[str, str]
    dims: tuple[int, int]

    @property
    def flops(self) -> int:
        return 2 * self.a[0] * self.a[1] * self.b[1 - self.dims[1]]

    def fp8(self, a: Any, b: Any) -> Any:
        return product(quantised(a, self.formats[0]), quantised(b, self.formats[1]), *self.dims)

    def bf16(self, a: Any, b: Any) -> Any:
        return contracted(a, b, *self.dims).astype(BF16)

    def torch_bf16(self, torch: Any) -> Callable[..., Any]:
        """To be compiled."""
        left, right = self.dims

        def matmul(a: Any, b: Any) -> Any:
            return (a if left == 1 else a.t()) @ (b if right == 0 else b.t())

        return matmul

    def torch_fp8(self, torch: Any) -> Callable[..., Any]:
        """Compiled: amax, casts and the layouts that ``_scaled_mm`` takes; then that, in FP8."""
        (left, right), formats = self.dims, self.formats

        def quantise(a: Any, b: Any) -> Any:
            a, of_a = torch_quantised(torch, a, formats[0])
            b, of_b = torch_quantised(torch, b, formats[1])
            return a if left == 1 else a.t().contiguous(), b if right == 1 else b.t().contiguous(), of_a, of_b

        compiled = torch.compile(quantise, dynamic=False)

        def scaled(a: Any, b: Any) -> Any:
            a, b, of_a, of_b = compiled(a, b)
            return torch._scaled_mm(a, b.t(), scale_a=of_a, scale_b=of_b, out_dtype=torch.bfloat16)

        return scaled


@dataclasses.dataclass(frozen=True)
class Linear:
    """A layer's three products from x, w and dy at once: each operand is quantised once, and laid out as it is needed."""

    name: str
    inner: int
    outer: int
    tokens: int = TOKENS

    @property
    def flops(self) -> int:
        return 3 * 2 * self.tokens * self.inner * self.outer

    @property
    def shapes(self) -> tuple[Shape, Shape, Shape]:
        return (self.tokens, self.inner), (self.outer, self.inner), (self.tokens, self.outer)

    def contractions(self) -> list[Contraction]:
        operands = dict(zip(("x", "w", "dy"), self.shapes, strict=True))
        return [
            Contraction(f"block, {self.name}, {name}", operands[a], operands[b], (a8, b8), (left, right))
            for name, (a, b, a8, b8, left, right) in PASSES.items()
        ]

    def fp8(self, x: Any, w: Any, dy: Any) -> tuple[Any, ...]:
        narrow = {"x": quantised(x, E4M3), "w": quantised(w, E4M3), "dy": quantised(dy, E5M2)}
        return tuple(product(narrow[a], narrow[b], left, right) for a, b, _, _, left, right in PASSES.values())

    def bf16(self, x: Any, w: Any, dy: Any) -> tuple[Any, ...]:
        wide = {"x": x, "w": w, "dy": dy}
        return tuple(contracted(wide[a], wide[b], *dims).astype(BF16) for a, b, _, _, *dims in PASSES.values())

    def torch_bf16(self, torch: Any) -> Callable[..., Any]:
        def matmuls(x: Any, w: Any, dy: Any) -> Any:
            return x @ w.t(), dy @ w, dy.t() @ x

        return matmuls

    def torch_fp8(self, torch: Any) -> Callable[..., Any]:
        def quantise(x: Any, w: Any, dy: Any) -> Any:
            x, of_x = torch_quantised(torch, x, E4M3)
            w, of_w = torch_quantised(torch, w, E4M3)
            dy, of_dy = torch_quantised(torch, dy, E5M2)
            across = (w.t().contiguous(), x.t().contiguous(), dy.t().contiguous())
            return (x, w, dy, *across, of_x, of_w, of_dy)

        compiled = torch.compile(quantise, dynamic=False)

        def scaled(x: Any, w: Any, dy: Any) -> Any:
            x, w, dy, wt, xt, dyt, of_x, of_w, of_dy = compiled(x, w, dy)
            wide = {"out_dtype": torch.bfloat16}
            return (
                torch._scaled_mm(x, w.t(), scale_a=of_x, scale_b=of_w, **wide),
                torch._scaled_mm(dy, wt.t(), scale_a=of_dy, scale_b=of_w, **wide),
                torch._scaled_mm(dyt, xt.t(), scale_a=of_dy, scale_b=of_x, **wide),
            )

        return scaled


def torch_quantised(torch: Any, x: Any, dtype: str) -> tuple[Any, Any]:
    """As ``quantised``."""
    x = x.float()
    amax = x.abs().amax()
    codes = (x * (LARGEST[dtype] / amax)).clamp(-LARGEST[dtype], LARGEST[dtype]).to(getattr(torch, dtype))
    return codes, amax / LARGEST[dtype]


def linears() -> list[Linear]:
    return [Linear(name, inner, outer) for name, (inner, outer) in LAYERS.items()]


def joint_name(linear: Linear) -> str:
    return f"block, {linear.name}, all three"


@dataclasses.dataclass(frozen=True)
class Odd:
    """A product of sizes that are no multiples of 16, and the same of the next ones that are."""

    size: tuple[int, int, int]

    @property
    def name(self) -> str:
        return f"odd, {' × '.join(map(str, self.size))}"

    @property
    def padded(self) -> tuple[int, int, int]:
        m, n, k = (-(-extent // 16) * 16 for extent in self.size)
        return m, n, k

    def contraction(self, is_padded: bool) -> Contraction:
        m, n, k = self.padded if is_padded else self.size
        return Contraction(self.name + (", padded" if is_padded else ""), (m, k), (n, k), (E4M3, E4M3), (1, 1))


def odd_sizes() -> list[Odd]:
    return [Odd(size) for size in ODD_SIZES]
