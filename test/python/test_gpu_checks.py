# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What test/gpu holds a GPU to, where there is none: the CPU target passes, what is wrong is found."""

from __future__ import annotations

import pathlib
from typing import Any

import jax
import ml_dtypes
import numpy as np
import pytest
import steelyard
from corpus import PROGRAMS
from gpu import numbers, prepare, prepare_numbers, run
from steelyard._runtime import compile_library

# --- Elementary functions and casts ---------------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "COUNT", 1 << 16)


def test_words_are_murmurs() -> None:
    """fmix32 of 0 and 1, as MurmurHash3 has them; each word once."""
    assert [hex(word) for word in numbers.words(2, 0)] == ["0x0", "0x514e28b7"]
    assert len(np.unique(numbers.words(1 << 16, 5))) == 1 << 16


@pytest.mark.parametrize("name", numbers.FUNCTIONS)
def test_functions_of_the_cpu_target_pass(name: str, tmp_path: pathlib.Path, few: None) -> None:
    path = tmp_path / f"function-{name}.so"
    text = numbers.function_text(numbers.FUNCTIONS[name])
    compile_library(text, "", prepare.HOST, name, str(path))
    arguments = numbers.function_arguments(name)
    assert all(a.shape == (numbers.COUNT,) and a.dtype == np.float32 for a in arguments)
    result = np.asarray(steelyard.load(path)(*arguments)[0])
    ulp, _, faults = numbers.check_function(name, result, arguments)
    assert not faults and 0 < ulp <= 3


def test_wrong_functions_are_found(few: None) -> None:
    arguments = numbers.function_arguments("tanh")
    with np.errstate(all="ignore"):
        right = np.tanh(arguments[0].astype(np.float64)).astype(np.float32)
    assert numbers.check_function("tanh", right, arguments)[2] == []
    by_hand = {
        "more than 3.0 ulp": lambda y: np.where(np.abs(y) == 1, y, y * np.float32(1 + 2.0**-20)),
        "NaN or not": np.nan_to_num,
        "the sign of a zero": np.abs,
        "a subnormal result": lambda y: np.where(np.abs(y) < 2.0**-126, np.float32(2.0**-120), y),
    }
    for what, change in by_hand.items():
        assert any(fault.startswith(what) for fault in numbers.check_function("tanh", change(right), arguments)[2])
    arguments = numbers.function_arguments("exp")
    with np.errstate(all="ignore"):
        right = np.exp(arguments[0].astype(np.float64)).astype(np.float32)
    assert numbers.check_function("exp", right, arguments)[2] == []
    assert "not infinite" in numbers.check_function("exp", np.minimum(right, np.float32(3e38)), arguments)[2][0]


def test_casts_are_all_there() -> None:
    assert len(set(numbers.CASTS)) == len(numbers.CASTS) == 3 * 7 + 6 + 7 * 3
    assert {name for pair in numbers.CASTS for name in pair} == {*numbers.EIGHT_BITS, *numbers.WIDE}
    for width, source in ((16, "bf16"), (8, "f8E4M3FN")):
        assert np.array_equal(np.unique(numbers.cast_codes(source)), np.arange(1 << width))


@pytest.mark.parametrize("pair", [("f32", "f8E4M3FN"), ("bf16", "f8E5M2"), ("f8E4M3FNUZ", "f16")], ids="-".join)
def test_casts(pair: tuple[str, str], tmp_path: pathlib.Path, few: None) -> None:
    """The CPU target's pass with itself; a bit that is wrong is found, where it is."""
    source, target = pair
    path = tmp_path / f"cast-{source}-{target}.so"
    want = prepare_numbers.cast_checksums(source, target, tmp_path)
    assert list(want) == [
        *("nearest_even", "nearest_even_saturating", "toward_zero", "toward_zero_saturating"),
        *("stochastic", "stochastic_saturating"),
    ]
    compile_library(numbers.casts_text(source, target), "", prepare.HOST, "casts", str(path))
    np.savez_compressed(path.with_suffix(".npz"), **want)
    figures, faults = numbers.check(path)
    assert (figures["results"], faults) == (6 * numbers.cast_count(source), [])
    results = numbers.run_casts(steelyard.load(path), source)
    results["stochastic"].view(f"u{results['stochastic'].itemsize}")[1500] ^= 1
    (fault,) = numbers.check_casts(results, want, source)
    assert fault.startswith("stochastic: 1 of") and "from element 1024 on" in fault


def test_casts_to_the_nearest_are_ml_dtypes(tmp_path: pathlib.Path, few: None) -> None:
    path = tmp_path / "cast.so"
    compile_library(numbers.casts_text("f32", "f8E4M3FN"), "", prepare.HOST, "casts", str(path))
    values = numbers.cast_codes("f32").view(np.float32)
    with np.errstate(all="ignore"):
        want = values.astype(ml_dtypes.float8_e4m3fn)
    got = numbers.run_casts(steelyard.load(path), "f32")["nearest_even"]
    np.testing.assert_array_equal(got, numbers.with_one_nan(want))


def test_numbers_compile_for_a_gpu(tmp_path: pathlib.Path, few: None) -> None:
    prepare_numbers.prepare(tmp_path, "sm_90a", "f8E3M4-bf16")
    prepare_numbers.prepare(tmp_path, "sm_90a", "function-atan2")
    assert {path.name for path in tmp_path.iterdir()} == {
        "COMMIT", "cast-f8E3M4-bf16.npz", "cast-f8E3M4-bf16.so", "function-atan2.so",
    }  # fmt: skip


# --- Programs with delayed scales -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def delayed(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A program of the corpus for the CPU, where one for a GPU would lie, and what it is held to."""
    folder, name = tmp_path_factory.mktemp("delayed"), "mlp, gradient"
    function, arguments = PROGRAMS[name]
    text = jax.jit(function, keep_unused=True).lower(*arguments).as_text()
    path = folder / "mlp_gradient.delayed.so"
    compile_library(text, prepare.SCHEMES["delayed"], prepare.HOST, name, str(path))
    np.savez(path.with_suffix(".npz"), **prepare.expectations(name, text, "delayed", folder))
    return path


def changed(path: pathlib.Path, folder: pathlib.Path, change: Any) -> pathlib.Path:
    data = dict(np.load(path.with_suffix(".npz")))
    change(data)
    np.savez(folder / "other.npz", **data)
    (folder / "other.so").unlink(missing_ok=True)
    (folder / "other.so").symlink_to(path)
    return folder / "other.so"


def test_the_cpu_target_passes(delayed: pathlib.Path) -> None:
    data = np.load(delayed.with_suffix(".npz"))
    names = [name for name in data.files if name.startswith("least ")]
    assert int(data["calls"]) == 2 and len(names) == 9
    # Two calls are in the history of four, and the first call's are those of the second.
    assert all(data[name][0] == -(2**20) and data[name][2] == data[name][3] > -50 for name in names)
    assert run.check(delayed) == []


def test_another_history_is_found(delayed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["least fp8-delayed.0.activation"] = data["least fp8-delayed.0.activation"] + np.array([0, 0, 0, 1], np.int32)

    (fault,) = run.check(changed(delayed, tmp_path, change))
    assert fault.startswith("fp8-delayed.0.activation is [-1048576, -1048576, ")


def test_results_of_the_first_call_are_found(delayed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Its scales are those of the start, not of what there is."""
    assert run.check(changed(delayed, tmp_path, lambda data: data.update(calls=np.int64(1)))) != []


def test_programs_that_are_prepared() -> None:
    assert prepare.programs("", []) == list(PROGRAMS) and prepare.programs("delayed", []) == list(prepare.DELAYED)
    assert prepare.programs("delayed", ["lenet"]) == ["lenet"] and set(prepare.DELAYED) < set(PROGRAMS)


# --- Programs for another machine's CPU -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def for_a_cpu(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("cpu")
    prepare.prepare(folder, ["norms"], ["", "scaled"])
    return folder


def test_programs_for_a_cpu(for_a_cpu: pathlib.Path) -> None:
    assert sorted(path.name for path in for_a_cpu.glob("*.so")) == ["norms.scaled.so", "norms.so"]
    for path in for_a_cpu.glob("*.so"):
        data = np.load(path.with_suffix(".npz"))
        assert data["checksums"].size == 4 and str(data["host"]) == run.host()
        assert run.check(path) == []


def test_other_bits_are_found(
    for_a_cpu: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And only said where other functions of another glibc may have made them."""
    other = changed(for_a_cpu / "norms.so", tmp_path, lambda data: data["checksums"].__setitem__(2, 7))
    assert run.check(other) == ["its bits are not those of the machine that compiled it"]
    monkeypatch.setattr(run, "host", lambda: "glibc 9.9, AVX-512")
    assert run.check(other) == [] and "other bits than where it was compiled" in capsys.readouterr().out
