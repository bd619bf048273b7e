# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""steelyard.profile: where the time goes."""

from __future__ import annotations

import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steelyard
from jax import lax
from steelyard.models import MLP

X = np.random.default_rng(0).standard_normal((256, 256)).astype("f4")


def network(w: Any, x: Any) -> Any:
    return jnp.sum(jax.nn.softmax(jnp.tanh(x @ w) @ w) ** 2)


@pytest.mark.parametrize("scheme", [None, steelyard.Scalify()], ids=["float32", "Scalify"])
def test_sites_are_what_was_written(scheme: steelyard.Scheme | None) -> None:
    step = steelyard.jit(jax.value_and_grad(network), scheme=scheme)
    profile = steelyard.profile(step, X, X, calls=3)
    assert [s.seconds for s in profile.sites] == sorted((s.seconds for s in profile.sites), reverse=True)
    assert all(site.seconds >= 0 for site in profile.sites)
    assert 0 < sum(profile.by_kind().values()) <= 1.01 * profile.seconds
    assert {"gemm", "elementwise", "reduce addf"} <= profile.by_kind().keys()
    products = [site for site in profile.sites if site.kind == "gemm"]
    # Two forward; of each a gradient by w, and of one by its input.
    assert len(products) == 5
    assert all(site.operation.endswith("dot_general") and __file__ in site.source for site in products)
    assert ("f8E4M3FN" in products[0].buffers) == (scheme is not None)
    assert any(__file__ in line for line in profile.by_source())
    table = str(profile).splitlines()
    assert f"{len(profile.sites)} sites" in table[0] and "slowest" in table


def test_code_that_runs_is_not_the_profiled() -> None:
    step = steelyard.jit(lambda w, x: w - x @ w, scheme=steelyard.Scalify(), donate_argnums=0)
    w = step(X, X)
    before = {name: value.copy() for name, value in step.recipe_state.items()}
    assert steelyard.profile(step, w, X, calls=1).seconds > 0
    assert step.recipe_state == before
    np.testing.assert_array_equal(step(w, X).data.shape, X.shape)


def test_sites_in_loops_count_every_trip() -> None:
    step = steelyard.jit(lambda x: lax.fori_loop(0, 20, lambda i, y: jnp.tanh(y @ x), x))
    profile = steelyard.profile(step, X, calls=2)
    assert sum(site.kind == "gemm" for site in profile.sites) == 1
    assert profile.by_kind()["gemm"] > 0.2 * profile.seconds


def test_lines_of_models_are_named() -> None:
    model = MLP((8, 16, 4))
    parameters, x = model.initialise(0), X[:4, :8]
    profile = steelyard.profile(steelyard.jit(model.apply), parameters, x, calls=1)
    products = {site.source.rpartition(":")[0] for site in profile.sites if site.kind == "gemm"}
    assert {path.rpartition("/")[2] for path in products} <= {"layers.py", "mlp.py"} and products


def test_libraries_that_were_saved_for_it(tmp_path: pathlib.Path) -> None:
    step = steelyard.jit(lambda w, x: w - x @ w, scheme=steelyard.Scalify(), donate_argnums=0)
    step.save(tmp_path / "step.so", X, X, profile=True)
    loaded = steelyard.load(tmp_path / "step.so")["main"]
    there, here = steelyard.profile(loaded, X, X, calls=2), steelyard.profile(step, X, X, calls=2)
    assert {(s.kind, s.buffers, s.location) for s in there.sites} == {(s.kind, s.buffers, s.location) for s in here.sites}
    assert 0 < sum(there.by_kind().values()) <= 1.01 * there.seconds
    step.save(tmp_path / "plain.so", X, X)
    with pytest.raises(
        steelyard.RunError, match=r"main of .*plain.so was not compiled for profiling: save it with profile="
    ):
        steelyard.profile(steelyard.load(tmp_path / "plain.so")["main"], X, X)


def test_what_cannot_be_profiled() -> None:
    with pytest.raises(TypeError, match="profile takes what steelyard.jit returned"):
        steelyard.profile(network, X, X)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="calls is at least 1, got 0"):
        steelyard.profile(steelyard.jit(network), X, X, calls=0)
