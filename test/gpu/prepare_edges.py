# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles programs of unusual sizes (``gpu.edges``), with what JAX makes of them in float64."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from steelyard._runtime import CPU, Target, compile_library
from tqdm import tqdm

from gpu import run
from gpu.edges import LIBRARIES, SCHEMES, Edge
from gpu.prepare import CALLS, HOST, leaves, peer_library, save, slug, with_scheme, write_commit
from gpu.prepare import SCHEMES as PASSES

#: How far results may be off, of the largest of them, beside four times what JAX's are: of what is rounded to 8 bits
#: nothing, of integers neither.
SLACK = {"float64": 2.0**-44, "float32": 2.0**-20, "float16": 2.0**-9, "bfloat16": 2.0**-6}


def text_of(edge: Edge) -> str:
    with jax.enable_x64(True):
        return jax.jit(edge.function, keep_unused=True).lower(*edge.arguments).as_text()


def combined(texts: Mapping[str, str]) -> str:
    """One module of several: their functions ``main`` have the names of the modules."""
    parts = []
    for name, text in texts.items():
        symbols = set(re.findall(r"func\.func (?:public |private )?@([\w.$-]+)", text))
        names = {symbol: name if symbol == "main" else f"{name}.{symbol}" for symbol in symbols}
        body = "\n".join(text.strip().splitlines()[1:-1])
        parts.append(re.sub(r"@([\w.$-]+)", lambda found, names=names: f"@{names.get(found[1], found[1])}", body))
    return "\n".join(["module {", *parts, "}"])


def is_small_float(dtype: Any) -> bool:
    return bool(jnp.issubdtype(dtype, np.floating)) and np.dtype(dtype).itemsize == 1


def widened(array: Any) -> Any:
    is_float = jnp.issubdtype(array.dtype, np.floating) and not is_small_float(array.dtype)
    return array.astype(np.float64) if is_float else array


def narrowed(wide: Any, dtype: Any) -> Any:
    """What takes less space: the same numbers, or as good ones for a result of less than 64 bits."""
    with np.errstate(over="ignore"):
        half = wide.astype(np.float16)
    if np.array_equal(half, wide, equal_nan=True):
        return half
    return wide if dtype == np.float64 else wide.astype(np.float32)


def by_jax(function: Any, arguments: Any) -> list[Any]:
    with jax.enable_x64(True):
        return [np.asarray(leaf) for leaf in jax.tree.leaves(jax.jit(function)(*arguments))]


def exact(edge: Edge) -> list[Any]:
    """In float64, what is an integer or in 8 bits as it is."""
    return by_jax(edge.function, jax.tree.map(widened, edge.arguments))


def expectations(edge: Edge) -> dict[str, Any]:
    """Arguments, what is right and how far from it results may be."""
    data: dict[str, Any] = {f"argument{i}": run.codes(leaf) for i, leaf in enumerate(leaves(edge.arguments))}
    peer = by_jax(edge.function, edge.arguments)
    is_exact = all(widened(leaf).dtype == leaf.dtype for leaf in leaves(edge.arguments))
    for index, (want, theirs) in enumerate(zip(peer if is_exact else exact(edge), peer, strict=True)):
        data[f"type{index}"] = np.array(theirs.dtype.name)
        if theirs.dtype.kind in "biu":
            data[f"want{index}"] = want
        else:
            wide, theirs64 = want.astype(np.float64), theirs.astype(np.float64)
            data[f"want{index}"] = narrowed(wide, theirs.dtype)
            finite = np.isfinite(wide) & np.isfinite(theirs64)
            furthest = np.abs(wide[finite] - theirs64[finite]).max(initial=0)
            largest = np.abs(wide)[finite].max(initial=0)
            data[f"bound{index}"] = np.float64(run.FACTOR * furthest + SLACK.get(theirs.dtype.name, 0) * largest)
    return data


def expectations_with(scheme: str, edges: Mapping[str, Edge], library: Any) -> dict[str, dict[str, Any]]:
    """Of functions with a scheme: the CPU target's errors with it."""
    functions = {}
    for name, edge in edges.items():
        given, want = leaves(edge.arguments), exact(edge)
        data = {f"argument{i}": leaf for i, leaf in enumerate(given)} | {f"want{i}": w for i, w in enumerate(want)}
        functions[name] = data | with_scheme(library[name], given, want, CALLS.get(scheme, 1))
    return functions


def prepare(folder: pathlib.Path, names: list[str], target: Target = CPU, cpu: str = HOST) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    work = [(name, scheme) for name in names or LIBRARIES for scheme in SCHEMES.get(name, ("",))]
    for name, scheme in tqdm(work, unit="library", disable=None):
        text = combined({function: text_of(edge) for function, edge in LIBRARIES[name].items()})
        path = folder / f"{slug(name)}{'.' + scheme if scheme else ''}.so"
        compile_library(text, PASSES[scheme], cpu, name, str(path), target)
        if scheme:
            peer = peer_library(text, scheme, path.with_suffix(".peer.so"))
            functions = expectations_with(scheme, LIBRARIES[name], peer)
        else:
            functions = {function: expectations(edge) for function, edge in LIBRARIES[name].items()}
        save(path, functions, target)
    write_commit(folder)
