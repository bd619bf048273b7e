# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arrays and calls on CUDA devices from Python: on the fake driver, and where there is a GPU on that."""

from __future__ import annotations

import ctypes
import os
import pathlib
import subprocess
import sys
from typing import Any

import fake_device
import fake_loans
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import steelyard
from steelyard import _abi, _dlpack

REPOSITORY = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build")).resolve()
FAKE = BUILD / "lib" / "libfake_cuda.so"


def build(folder: pathlib.Path, *flags: str) -> pathlib.Path:
    path = folder / "device.so"
    source = REPOSITORY / "test/support/device_library.c"
    runtime = pathlib.Path(_abi.runtime_path())
    options = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", f"-I{REPOSITORY / 'include'}", *flags]
    compiler = os.environ.get("CC") or "cc"
    subprocess.run([compiler, *options, source, "-o", path, runtime, f"-Wl,-rpath,{runtime.parent}"], check=True)
    return path


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return build(tmp_path_factory.mktemp("fake"))


@pytest.mark.parametrize("name", fake_loans.CHECKS)  # and fake_device's, the same list
def test_on_the_fake_driver(name: str, library: pathlib.Path) -> None:
    environment = os.environ | {"STEELYARD_CUDA_DRIVER": os.fspath(FAKE), "PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= fake_device.CHECKS[name][1]
    module = fake_device.CHECKS[name][0].__module__
    command = [sys.executable, "-W", "error", "-X", "faulthandler", "-m", module, name, library]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
    assert ran.stdout == ("ok\nlate\n" if name == "the_end" else "ok\n")


def test_without_jax_ml_dtypes_and_the_compiler(library: pathlib.Path) -> None:
    program = f"""
import sys
for name in ("jax", "jaxlib", "ml_dtypes", "steelyard._native"):
    sys.modules[name] = None
import numpy as np, steelyard
kinds = steelyard.load({os.fspath(library)!r})["kinds"]
codes = np.uint16([0x3f80, 0, 1]), np.uint8([0x38, 0, 1]), np.array([True, False]), 2.0, np.zeros((0, 3), "f4")
print([np.asarray(a).tolist() for a in kinds(*codes)], kinds(*codes)[0].__dlpack_device__())
"""
    environment = os.environ | {"STEELYARD_CUDA_DRIVER": os.fspath(FAKE)}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert ran.stdout == "[[16256, 0, 1], [56, 0, 1], [True, False], 2.0, []] (2, 0)\n", ran.stderr


def test_one_runtime() -> None:
    """What the compiler makes runs in the library that ctypes opens: the same one."""
    from steelyard import _native  # type: ignore[attr-defined]

    assert _abi.function_address("steelyard_abi_version") == _native.abi_version_address()
    executable = _native.compile(b"func.func @main(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }")
    assert _abi.runtime().steelyard_executable_function_count(executable.handle) == 1
    assert _abi.runtime().steelyard_executable_target(executable.handle) == b"cpu"


@pytest.mark.parametrize("name", [name for name in _dlpack._CODES if name != "f8E4M3"])
def test_dlpack_codes_are_jax_s(name: str) -> None:
    dtype = np.dtype({v: k for k, v in steelyard._types.ELEMENT_TYPES.items()}[name])
    with jax.enable_x64(True):
        managed, delete = fake_device.consume(jnp.ones(3, dtype).__dlpack__())
    assert (managed.tensor.code, managed.tensor.bits) == _dlpack._CODES[name]
    delete()


def test_targets_and_devices() -> None:
    for options, kind, words in [
        ({"target": "tpu"}, ValueError, "target is 'cpu' or 'cuda', got 'tpu'"),
        ({"target": "cuda", "device": -1}, ValueError, "ordinal"),
        ({"target": "cuda", "device": None}, TypeError, "ordinal"),
        ({"target": "cuda", "chip": 90}, TypeError, "chip is a name"),
    ]:
        with pytest.raises(kind, match=words):
            steelyard.jit(lambda x: x, **options)
        with pytest.raises(kind, match=words):
            steelyard.compile("", **options)


# --- With a GPU -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gpu() -> None:
    error = _abi.Error()
    if _abi.runtime().steelyard_device_count(error) == 0:
        pytest.skip(f"no CUDA device here: {error.text}")


@pytest.fixture(scope="module")
def real(gpu: None, tmp_path_factory: pytest.TempPathFactory) -> steelyard.Library:
    chip = _abi.runtime().steelyard_device_chip
    chip.restype = ctypes.c_char_p
    return steelyard.load(build(tmp_path_factory.mktemp("real"), f'-DCHIP="{chip(0, None).decode()}"'))


OTHERS = ("jax", "torch", "cupy", "steelyard")


def framework(name: str) -> tuple[Any, Any, Any]:
    """How its arrays are made from NumPy's, from ours, and where they lie."""
    if name == "steelyard":
        return steelyard.device_put, lambda array: array, lambda array: array.__cuda_array_interface__["data"][0]
    module = pytest.importorskip(name, reason=f"{name} is not installed")
    if name == "jax":
        if jax.default_backend() != "gpu":
            pytest.skip("JAX has no GPU here")
        return jnp.asarray, jax.dlpack.from_dlpack, lambda array: array.unsafe_buffer_pointer()
    if name == "torch":

        def make(array: Any) -> Any:
            types = {"bfloat16": module.bfloat16, "float8_e4m3fn": module.float8_e4m3fn}
            if array.dtype.name in types:
                codes = array.view(f"i{array.dtype.itemsize}")
                return module.from_numpy(codes.copy()).view(types[array.dtype.name]).cuda()
            return module.from_numpy(np.array(array)).cuda()

        return make, module.from_dlpack, lambda array: array.data_ptr()
    return module.asarray, module.from_dlpack, lambda array: array.data.ptr


@pytest.mark.parametrize("name", OTHERS)
def test_arrays_stay_on_the_gpu(name: str, real: steelyard.Library) -> None:
    make, take, address = framework(name)
    x = np.arange(8, dtype="f4")
    w: Any = make(x)
    for _ in range(100):
        w, loss = real["step"](w, make(np.ones(8, "f4")))
        assert isinstance(w, steelyard.DeviceArray)
        theirs = take(w)
        assert address(theirs) == w.__cuda_array_interface__["data"][0]
        w = theirs
    assert np.asarray(real["step"](w, loss)[0]).tolist() == (x + 101).tolist()


@pytest.mark.parametrize("name", OTHERS)
def test_matrices_of_the_gpu(name: str, real: steelyard.Library) -> None:
    make, _, _ = framework(name)
    x = np.arange(12, dtype="f4").reshape(4, 3)
    np.testing.assert_array_equal(real["identity"](make(x))[0], x)
    if name in ("torch", "cupy"):
        with pytest.raises(steelyard.RunError, match="is not contiguous.*call .contiguous"):
            real["identity"](make(x.reshape(3, 4)).T)
    with pytest.raises(steelyard.RunError, match=r"is f32\[4, 3\], got int32\[4, 3\]"):
        real["identity"](make(x.astype("i4")))


@pytest.mark.parametrize("name", ["jax", "torch", "steelyard"])
def test_kinds_of_elements_of_the_gpu(name: str, real: steelyard.Library) -> None:
    make, take, _ = framework(name)
    arrays = [
        np.arange(3, dtype=ml_dtypes.bfloat16),
        np.arange(3, dtype=ml_dtypes.float8_e4m3fn),
        np.array([True, False]),
        np.float64(2.5),
        np.zeros((0, 3), np.float32),
    ]
    with jax.enable_x64(True):
        results = real["kinds"](*map(make, arrays))
        for got, want in zip(results, arrays, strict=True):
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)
            assert tuple(take(got).shape) == want.shape


def test_jax_takes_what_it_gets_without_dlpack(gpu: None) -> None:
    framework("jax")
    array = steelyard.device_put(np.ones(8, "f4"))
    address = array.__cuda_array_interface__["data"][0]
    taken = jnp.asarray(array)
    del array
    for _ in range(5):
        steelyard.device_put(np.zeros(8, "f4"))
    assert taken.unsafe_buffer_pointer() == address and float(taken.sum()) == 8


@pytest.mark.parametrize("name", ["jax", "torch", "cupy"])
def test_others_arrays_are_read_when_calls_have_returned(name: str, real: steelyard.Library) -> None:
    """Nothing else refers to them then, and their frameworks want memory for the next ones."""
    make, _, _ = framework(name)
    ones = np.ones(1 << 20, "f4")
    results = [real["large"](make(ones * index))[0] for index in range(150)]
    assert len(results[0]._device._lent) <= 64
    for index, result in enumerate(results):
        assert (np.asarray(result) == index).all()
    assert not results[0]._device._lent


def test_streams_of_torch(real: steelyard.Library) -> None:
    """What torch still computes on another stream is read after it; what it reads there is not overwritten."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    large = torch.ones(1 << 20, device="cuda")
    for _ in range(20):
        with torch.cuda.stream(torch.cuda.Stream()):
            torch.cuda._sleep(2_000_000)
            x = large * 2
            (y,) = real["large"](x)
            z = torch.from_dlpack(y)
            torch.cuda._sleep(2_000_000)
            w = z + 1
            del y, z
        other = [real["large"](large)[0] for _ in range(3)]
        torch.cuda.synchronize()
        assert bool((w == 3).all()) and len(other) == 3


def test_calls_on_the_gpu(real: steelyard.Library) -> None:
    large = np.random.default_rng(0).random(1 << 20, np.float32)
    np.testing.assert_array_equal(real["large"](large)[0], large)
    value = np.linspace(-4, 4, 8, dtype="f4")
    (state,) = real["scaled"](value)
    for _ in range(4):
        (state,) = real["scaled"](state)
    np.testing.assert_allclose(state, value * 32, rtol=1e-3)
    for _ in range(5):
        real["recipe"](np.zeros(8, "i4"))
    np.testing.assert_array_equal(real["recipe"].recipe_state["history"], [5] * 8)


def test_memory_of_the_gpu(gpu: None) -> None:
    with pytest.raises(steelyard.RunError, match="no memory for a buffer of .* are free.*OUT_OF_MEMORY"):
        steelyard.device_put(np.broadcast_to(np.float32(0), 1))._device.allocate(1 << 46)
