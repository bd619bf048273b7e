# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""steelyard.jit: what goes in, what comes out, what is refused."""

from __future__ import annotations

import concurrent.futures
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import steelyard


def test_pytrees_in_and_out() -> None:
    compiled = steelyard.jit(lambda tree, k: {"sum": tree["a"] + tree["b"][0], "k": (k,)})
    out = compiled({"a": np.ones(3, "f4"), "b": [np.full(3, 2, "f4")]}, k=np.int32(5))
    np.testing.assert_array_equal(out["sum"], np.full(3, 3, "f4"))
    assert out["k"][0] == 5


def test_static_arguments_compile_anew() -> None:
    compiled = steelyard.jit(lambda x, n: x * n if n > 1 else x, static_argnums=1)
    x = np.arange(3, dtype="f4")
    np.testing.assert_array_equal(compiled(x, 1), x)
    np.testing.assert_array_equal(compiled(x, 3), 3 * x)
    assert len(compiled._compiled) == 2


@pytest.mark.parametrize("options", [{"static_argnums": 1}, {"static_argnums": -1}, {"static_argnames": "n"}])
def test_static_arguments_by_position_and_by_name(options: dict[str, Any]) -> None:
    def repeat(x: Any, n: int) -> Any:
        return x * n if n > 1 else x

    compiled = steelyard.jit(repeat, **options)
    x = np.arange(3, dtype="f4")
    np.testing.assert_array_equal(compiled(x, 3), 3 * x)
    np.testing.assert_array_equal(compiled(x, n=3), 3 * x)


def test_equal_static_arguments_of_other_types() -> None:
    compiled = steelyard.jit(lambda x, n: x * n, static_argnums=1)
    x = np.arange(3, dtype="i4")
    for value in (1, 1.0, True):
        want = jax.jit(lambda x, n=value: x * n)(x)
        assert compiled(x, value).dtype == want.dtype
        np.testing.assert_array_equal(compiled(x, value), want)


@pytest.mark.parametrize("dtype", ["f8", "i8", "u8"])
@pytest.mark.parametrize("scheme", [None, steelyard.Scalify()], ids=["plain", "Scalify"])
def test_64_bits_follow_jax(dtype: str, scheme: steelyard.Scheme | None) -> None:
    compiled = steelyard.jit(lambda x: x + 1, scheme=scheme)
    x = np.arange(5).astype(dtype)
    for wide in (False, True, False):
        with jax.enable_x64(wide):
            out = compiled(x)
            want = jax.jit(lambda x: x + 1)(x)
        assert out.dtype == want.dtype == np.dtype(dtype[0] + ("8" if wide else "4"))
        np.testing.assert_array_equal(out, x + 1)


def test_layouts_that_are_copied() -> None:
    compiled = steelyard.jit(lambda x: x + 1)
    unaligned = np.zeros(17, "u1")[1:].view("f4")
    reversed_bytes = np.arange(4, dtype=">f4")
    transposed = np.arange(4, dtype="f4").reshape(2, 2).T
    for x in (unaligned, reversed_bytes, transposed, transposed[::-1], np.float32(3)):
        np.testing.assert_array_equal(compiled(x), np.asarray(x) + 1)


@pytest.mark.parametrize("dtype", [object, "U1", "M8[s]", ml_dtypes.int4])
def test_types_that_are_refused(dtype: Any) -> None:
    with pytest.raises(TypeError, match=r"argument \[0\]\[0\] has dtype"):
        steelyard.jit(lambda x: x)(np.zeros(2, dtype))


def test_arguments_are_not_aliased() -> None:
    x = np.ones(3, "f4")
    out = steelyard.jit(lambda s: s * 2, donate_argnums=0)(x)
    assert not np.shares_memory(out, x)
    np.testing.assert_array_equal(x, np.ones(3, "f4"))
    assert not np.shares_memory(steelyard.jit(lambda x: x)(x), x)


class _OnlyDLPack:
    def __init__(self, array: Any) -> None:
        self._array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()


def test_dlpack_arrays() -> None:
    x = np.arange(3, dtype="f4")
    np.testing.assert_array_equal(steelyard.jit(lambda x: x + 1)(_OnlyDLPack(x)), x + 1)


def test_results_are_taken_over_without_a_copy() -> None:
    """By NumPy always, by JAX where a copy would cost more than aligning them did."""
    for size in (3, 1 << 20):
        y = steelyard.jit(lambda x: x + 1)(np.zeros(size, "f4"))
        assert np.shares_memory(np.from_dlpack(y), y)
    assert jnp.from_dlpack(y).unsafe_buffer_pointer() == y.ctypes.data


def test_donation_by_name() -> None:
    compiled = steelyard.jit(lambda state, x: state + x, scheme=steelyard.Scalify(), donate_argnames="state")
    ones = np.ones(3, "f4")
    for out in (compiled(ones, ones), compiled(state=ones, x=ones)):
        assert isinstance(out, steelyard.ScaledArray)
        np.testing.assert_array_equal(np.asarray(out), 2 * ones)


def test_threads() -> None:
    compiled = steelyard.jit(lambda x: jnp.sum(x @ x, axis=0), scheme=steelyard.Scalify(matmul=None))

    def work(size: int) -> None:
        for _ in range(10):
            np.testing.assert_array_equal(compiled(np.full((size, size), 0.5, "f4")), np.full(size, 0.25 * size**2, "f4"))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, size) for size in (2, 4, 4, 8, 8, 16)]:
            done.result()
    assert len(compiled._compiled) == 4


def test_an_error_of_the_function_itself_passes_through() -> None:
    def broken(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        steelyard.jit(broken)(np.ones(2, "f4"))


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(TypeError, match="contracting"):
        steelyard.jit(lambda a, b: a @ b)(np.ones((2, 3), "f4"), np.ones((2, 3), "f4"))


def test_cache_by_shape_and_type() -> None:
    compiled = steelyard.jit(lambda x: x + x)
    for array in (np.ones(2, "f4"), np.zeros(2, "f4"), np.ones(3, "f4"), np.ones(2, "i4")):
        np.testing.assert_array_equal(compiled(array), array + array)
    assert len(compiled._compiled) == 3


@pytest.mark.parametrize("dtype", ["f4", "f2", "i1", "i4", "u4", "?", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
def test_types_pass_through(dtype: Any) -> None:
    x = np.array([0, 1, 1, 0]).astype(dtype)
    out = steelyard.jit(lambda x: x.reshape(2, 2).T)(x)
    assert out.dtype == x.dtype
    np.testing.assert_array_equal(out.view(np.uint8).ravel(), x.reshape(2, 2).T.copy().view(np.uint8).ravel())


def test_jax_arrays_strided_arrays_and_numbers() -> None:
    compiled = steelyard.jit(lambda x, s: x * s)
    x = np.arange(12, dtype="f4").reshape(3, 4).T
    np.testing.assert_array_equal(compiled(x, 2.0), 2 * x)
    np.testing.assert_array_equal(compiled(jnp.asarray(x), 2.0), 2 * x)


@pytest.mark.parametrize("scheme", [None, steelyard.Scalify()], ids=["plain", "scalify"])
@pytest.mark.parametrize("kind", ["threefry2x32", "rbg"])
def test_typed_keys_go_in_and_come_out(kind: str, scheme: steelyard.Scheme | None) -> None:
    def draw(key: Any, x: Any) -> Any:
        key, now = jax.random.split(key)
        return {"key": key, "several": jax.random.split(key, 3), "bits": jax.random.bits(now, x.shape)}

    compiled = steelyard.jit(draw, scheme=scheme)
    key, x = jax.random.key(7, impl=kind), np.zeros((2, 3), "f4")
    for _ in range(2):
        ours, theirs = compiled(key, x), jax.jit(draw)(key, x)
        assert isinstance(ours["bits"], np.ndarray)
        np.testing.assert_array_equal(ours["bits"], theirs["bits"])
        for name in ("key", "several"):
            assert ours[name].dtype == theirs[name].dtype and ours[name].shape == theirs[name].shape
            np.testing.assert_array_equal(jax.random.key_data(ours[name]), jax.random.key_data(theirs[name]))
        key = ours["key"]
    assert len(compiled._compiled) == 1


def test_keys_are_not_their_bits() -> None:
    """A function may treat them apart."""
    compiled = steelyard.jit(lambda key: key if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key + 1)
    key = jax.random.key(7)
    assert compiled(key) == key
    np.testing.assert_array_equal(compiled(jax.random.key_data(key)), [1, 8])
    with pytest.raises(steelyard.SteelyardError, match="is traced by JAX"):
        jax.jit(compiled)(key)


def test_state_stays_scaled() -> None:
    compiled = steelyard.jit(lambda s, x: (s + x, s.sum()), scheme=steelyard.Scalify(), donate_argnums=0)
    state, _ = compiled(np.full(4, 3.0, "f4"), np.ones(4, "f4"))
    assert isinstance(state, steelyard.ScaledArray)
    assert state.data.dtype == np.float16
    assert state.exponent == -8 and float(state.data[0]) == 2.0**10  # the upper part of float16's range is used, too
    again, total = compiled(state, np.ones(4, "f4"))
    np.testing.assert_array_equal(np.asarray(again), np.full(4, 5, "f4"))
    np.testing.assert_array_equal(jnp.asarray(np.asarray(again)), np.full(4, 5, "f4"))
    np.testing.assert_array_equal(np.from_dlpack(again), np.full(4, 5, "f4"))
    assert total == 16


def test_zero_state_has_the_least_exponent() -> None:
    compiled = steelyard.jit(lambda s, x: s + x, scheme=steelyard.Scalify(), donate_argnums=0)
    state = compiled(np.zeros(4, "f4"), np.zeros(4, "f4"))
    assert state.exponent == -(2**20)
    np.testing.assert_array_equal(np.asarray(compiled(state, np.full(4, 2.0**-100, "f4"))), np.full(4, 2.0**-100, "f4"))


def test_nan_and_infinity_stay_in_the_data() -> None:
    compiled = steelyard.jit(lambda x: (x * 2, x + 1), scheme=steelyard.Scalify())
    x = np.array([np.nan, np.inf, -np.inf, 1.5], "f4")
    for got, want in zip(compiled(x), (x * 2, x + 1), strict=True):
        np.testing.assert_array_equal(got, want)


def test_explain_names_the_line_and_the_formats() -> None:
    def loss(w: Any, x: Any) -> Any:
        return jnp.sum((x @ w) ** 2)

    compiled = steelyard.jit(jax.value_and_grad(loss), scheme=steelyard.Scalify())
    remarks = steelyard.explain(compiled, np.ones((4, 2), "f4"), np.ones((3, 4), "f4"))
    assert any("f8E5M2' (gradient)" in remark.message and "transpose" in remark.message for remark in remarks)
    assert all(remark.source.split(":")[0].endswith("test_jit.py") for remark in remarks)


def test_state_that_is_rounded_to_nearest_has_a_remark() -> None:
    def step(m: Any, g: Any) -> Any:
        return 0.999 * m + 0.001 * g

    m, g = np.ones((4, 2), "f4"), np.ones((4, 2), "f4")
    for rounding in ("nearest", "stochastic"):
        compiled = steelyard.jit(step, scheme=steelyard.Scalify(state_rounding=rounding), donate_argnums=0)
        said = [remark for remark in steelyard.explain(compiled, m, g) if "rounded to nearest" in remark.message]
        assert len(said) == (rounding == "nearest")


def test_without_a_rule_there_is_a_remark() -> None:
    compiled = steelyard.jit(lambda x: jnp.prod(x), scheme=steelyard.Scalify())
    x = np.array([1, 5, 2], "f4")
    assert compiled(x) == 10
    assert any("real values" in remark.message for remark in steelyard.explain(compiled, x))


def test_unsupported_operation_names_the_source_line() -> None:
    with pytest.raises(steelyard.CompileError, match=r"test_jit\.py"):
        steelyard.jit(lambda x: jnp.fft.fft(x).real)(np.ones(8, "f4"))


def test_a_traced_argument_is_refused() -> None:
    compiled = steelyard.jit(lambda x: x + 1)
    with pytest.raises(steelyard.SteelyardError, match=r"traced by JAX"):
        jax.jit(lambda x: compiled(x))(np.ones(2, "f4"))


@pytest.mark.parametrize("options", [{"storage": "float8"}, {"matmul": "fp4"}, {"state": "none"}])
def test_unknown_options_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        steelyard.Scalify(**options)


def test_wrong_scheme_target_and_argument() -> None:
    with pytest.raises(TypeError, match="Scalify"):
        steelyard.jit(lambda x: x, scheme="fp8")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="target"):
        steelyard.jit(lambda x: x, target="tpu")
    with pytest.raises(TypeError, match="str"):
        steelyard.jit(lambda x: x)("text")


def test_dump_to_an_unwritable_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_DUMP", "/proc/steelyard")
    with pytest.raises(steelyard.CompileError, match="cannot write"):
        steelyard.jit(lambda x: x + 1)(np.ones(5, "f4"))


def test_every_module_is_dumped_into_its_own_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what Steelyard compiles for itself: the scaled state here is packed and unpacked."""
    monkeypatch.setenv("STEELYARD_DUMP", str(tmp_path / "dump"))

    def first(v: Any, x: Any) -> Any:
        return 0.5 * v + x

    def second(x: Any) -> Any:
        return x * 3

    step = steelyard.jit(first, scheme=steelyard.Scalify(state_rounding="nearest"), donate_argnums=0)
    x = np.linspace(0, 1, 11, dtype="f4").reshape(1, 11)  # no other test's shape: nothing is compiled already
    assert isinstance(step(x, x), steelyard.ScaledArray)
    np.asarray(step(x, x))
    other = steelyard.jit(second)
    other(x)
    other(x[0])
    steelyard.compile("func.func @of_text(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }", function="of_text")
    folders = sorted(path.name for path in (tmp_path / "dump").iterdir())
    assert folders == ["000-jit_first", "001-jit_second", "002-jit_second", "003-of_text"]
    for folder in folders:
        stages = sorted(path.name for path in (tmp_path / "dump" / folder).iterdir())
        assert stages[0] == "00-input.mlir" and stages[-1].endswith("-llvm.mlir"), stages
    assert "stablehlo.add" in (tmp_path / "dump" / "000-jit_first" / "00-input.mlir").read_text()
