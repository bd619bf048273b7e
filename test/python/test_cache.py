# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled code on disk: what is found again, what is not, and what goes wrong with files."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import steelyard

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STEELYARD_BUILD", REPOSITORY / "build"))
PRODUCT = """func.func @main(%x: tensor<4x8xf32>, %w: tensor<8x2xf32>) -> tensor<4x2xf32> {
  %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}"""
SCHEME = steelyard.Scalify(matmul=steelyard.Recipe("fp8-delayed", history=3))


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The cache of this test: it is not there before it is needed."""
    path = tmp_path / "cache"
    monkeypatch.setenv("STEELYARD_CACHE_DIR", str(path))
    return path


def entries(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder.glob("llvmcache-*")) if folder.is_dir() else []


def product(scheme: steelyard.Scheme | None = SCHEME) -> tuple[list[str], list[np.ndarray]]:
    """Remarks and results of three calls."""
    module = steelyard.compile(PRODUCT, scheme=scheme)
    random = np.random.default_rng(0)
    x, w = random.standard_normal((4, 8), np.float32), random.standard_normal((8, 2), np.float32)
    return [str(remark) for remark in module.remarks], [module(x * np.float32(scale), w)[0] for scale in (1, 8, 0.1)]


def test_found_again(folder: pathlib.Path) -> None:
    remarks, results = product()
    (entry,) = entries(folder)
    before = entry.stat().st_ino
    again, same = product()
    assert entries(folder) == [entry] and entry.stat().st_ino == before  # not written again
    assert again == remarks and remarks
    np.testing.assert_array_equal(results, same)
    assert folder.stat().st_mode & 0o077 == 0 and entry.stat().st_mode & 0o077 == 0


def test_what_is_found_is_used(folder: pathlib.Path) -> None:
    """The code of one module under the name of another is what runs: nothing was compiled."""
    text = """func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {{
      %y = stablehlo.{} %x, %x : tensor<2xf32>
      return %y : tensor<2xf32>
    }}"""
    x = np.array([3, 5], np.float32)
    np.testing.assert_array_equal(steelyard.compile(text.format("add"))(x)[0], [6, 10])
    (added,) = entries(folder)
    np.testing.assert_array_equal(steelyard.compile(text.format("multiply"))(x)[0], [9, 25])
    (multiplied,) = set(entries(folder)) - {added}
    multiplied.write_bytes(added.read_bytes())
    np.testing.assert_array_equal(steelyard.compile(text.format("multiply"))(x)[0], [6, 10])


def test_what_differs_is_not_found(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "product.mlir"
    path.write_text(PRODUCT)
    compiled: list[Callable[[], object]] = [
        lambda: steelyard.compile(PRODUCT),
        lambda: steelyard.compile(PRODUCT, scheme=steelyard.Scalify()),
        lambda: steelyard.compile(PRODUCT, scheme=steelyard.Scalify(matmul=None)),
        lambda: steelyard.compile(PRODUCT.replace("%y", "%z")),
        lambda: steelyard.compile(path),
    ]
    for count, make in enumerate(compiled, 1):
        make()
        assert len(entries(folder)) == count
    for make in compiled:
        make()
    assert len(entries(folder)) == len(compiled)


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(data: bytes) -> bytes:
    return data[:-100] + bytes([data[-100] ^ 1]) + data[-99:]


@pytest.mark.parametrize(
    "damage",
    [_cut, _flip, lambda data: b"", lambda data: data + b" ", lambda data: data[:50], lambda data: b"x" + data],
    ids=["cut", "flipped", "empty", "longer", "header", "moved"],
)
def test_damage(folder: pathlib.Path, damage: Callable[[bytes], bytes]) -> None:
    _, results = product()
    (entry,) = entries(folder)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    with pytest.warns(RuntimeWarning, match="llvmcache-.*is damaged; the module is compiled again"):
        _, again = product()
    np.testing.assert_array_equal(results, again)
    assert entry.read_bytes() == whole  # and mended
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        product()


def in_process(source: str, **environment: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(BUILD / "python"), str(REPOSITORY / "python")])
    return subprocess.Popen(
        [sys.executable, "-c", source],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


COMPILE = f"import steelyard; steelyard.compile({PRODUCT!r}); steelyard.compile({PRODUCT!r}.replace('%y', '%z'))"


@pytest.mark.parametrize("place", ["file/cache", "/proc/steelyard"])
def test_a_folder_that_cannot_be_written_is_one_warning(tmp_path: pathlib.Path, place: str) -> None:
    (tmp_path / "file").touch()
    process = in_process(COMPILE, STEELYARD_CACHE_DIR=str(tmp_path / place))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert errors.count("cannot keep compiled code in") == 1
    assert "STEELYARD_CACHE_DIR names another folder" in errors


def test_a_full_disk_is_a_warning(folder: pathlib.Path) -> None:
    """As it ends when no byte more is taken: the limit on a file's size, with its signal ignored, gives an error too."""
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); import steelyard; "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); "
    process = in_process(limit + COMPILE, STEELYARD_CACHE_DIR=str(folder))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert errors.count("cannot keep compiled code") == 1 and "File too large" in errors
    assert list(folder.iterdir()) == []


def test_several_processes_at_once(folder: pathlib.Path) -> None:
    processes = [in_process(COMPILE, STEELYARD_CACHE_DIR=str(folder)) for _ in range(4)]
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0 and not errors, errors
    assert len(entries(folder)) == 2
    assert [path.name for path in folder.iterdir() if path.name.startswith("Thin-")] == []


def test_the_last_used_are_kept(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [PRODUCT.replace("%y", f"%y{index}") for index in range(4)]
    for text in texts[:3]:
        steelyard.compile(text)
    files = {path: path.stat() for path in entries(folder)}
    for path in files:
        os.utime(path, (1_000_000, 1_000_000))
    steelyard.compile(texts[0])  # used again
    used = [path for path in files if path.stat().st_atime > 1_000_000]
    assert len(used) == 1
    monkeypatch.setenv("STEELYARD_CACHE_SIZE", str(int(2.5 * max(stat.st_size for stat in files.values()))))
    steelyard.compile(texts[3])
    left = entries(folder)
    assert len(left) == 2 and used[0] in left


@pytest.mark.parametrize("size", ["", "much", "-1", "1:2", "1.5g"])
def test_bad_sizes(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setenv("STEELYARD_CACHE_SIZE", size)
    with pytest.raises(steelyard.CompileError, match=r"STEELYARD_CACHE_SIZE is a number of bytes such as 500m or 2g, got"):
        steelyard.compile(PRODUCT)


@pytest.mark.parametrize("variable", ["STEELYARD_CACHE_DIR", "STEELYARD_DUMP"])
def test_off(folder: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "" if variable == "STEELYARD_CACHE_DIR" else str(tmp_path / "dump"))
    product()
    assert not folder.exists()


def test_where_it_lies_by_default(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEELYARD_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    steelyard.compile(PRODUCT)
    assert len(entries(tmp_path / "xdg" / "steelyard")) == 1


def test_steelyard_run(tmp_path: pathlib.Path) -> None:
    module = tmp_path / "add.mlir"
    module.write_text("""func.func @main() -> tensor<f32> {
      %c = stablehlo.constant dense<1.0> : tensor<f32>
      return %c : tensor<f32>
    }""")
    folder = tmp_path / "cache"
    for size, status in (("1g", 0), ("1g", 0), ("big", 1)):
        environment = {**os.environ, "STEELYARD_CACHE_DIR": str(folder), "STEELYARD_CACHE_SIZE": size}
        done = subprocess.run(
            [BUILD / "bin" / "steelyard-run", module], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stderr
        assert not done.stderr or "STEELYARD_CACHE_SIZE" in done.stderr
    assert len(entries(folder)) == 1
