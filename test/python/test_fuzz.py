# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The fuzzers: their programs are valid, their cases are what their numbers say, and they see what they look for."""

from __future__ import annotations

import pathlib
import random
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from jax._src.interpreters.mlir import make_ir_context
from jaxlib.mlir import ir
from steelyard import Scalify

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from fuzz import device, pipeline, probe, server  # noqa: E402
from fuzz.cases import Find, find_of  # noqa: E402
from fuzz.generate import Generator  # noqa: E402
from fuzz.minimise import minimise  # noqa: E402
from fuzz.mutate import Mutator  # noqa: E402
from fuzz.server import DEVICE, ROUND_TRIP, RUN, Server  # noqa: E402


@pytest.fixture(scope="module")
def children() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


def test_programs_are_valid_to_jaxlib() -> None:
    """And the same for the same numbers."""
    for seed in range(60):
        text = Generator(random.Random(seed), 12).text()
        assert text == Generator(random.Random(seed), 12).text()
        with make_ir_context():
            assert ir.Module.parse(text).operation.verify()


def test_mutations_follow_from_their_number() -> None:
    text = Generator(random.Random(0), 12).text()
    made = []
    for seed in (1, 2, 1):
        mutator = Mutator(random.Random(0), [text])
        mutator.reseed(random.Random(seed))
        made.append(mutator.mutate(text, 3))
    assert made[0] == made[2] != made[1]


LOOP = """func.func public @main(%a: tensor<f32>) -> tensor<f32> {
  %r = stablehlo.while(%x = %a) : tensor<f32>
  cond {
    %c = stablehlo.compare EQ, %a, %a : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %c : tensor<i1>
  } do {
    %s = stablehlo.sine %x : tensor<f32>
    stablehlo.return %s : tensor<f32>
  }
  return %r : tensor<f32>
}
"""


def test_what_children_say(children: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "func.func @main(%a: X) -> X {\n%0 = stablehlo.add %a, %a : X\nreturn %0 : X\n}".replace("X", "tensor<2xf32>")
    assert children.ask(ROUND_TRIP, text).kind == "accepted"
    assert children.ask(ROUND_TRIP, text[:80]).kind == "rejected"
    answer = children.ask(RUN, text, "scalify{storage=f16}", np.array([1, 3], "f4").tobytes())
    assert answer.kind == "ran" and answer.results[0].tolist() == [2, 6]
    assert children.ask(RUN, text, "no-such-pass").kind == "bad"  # an error without a location
    monkeypatch.setattr(server, "SECONDS", 1)
    assert children.ask(RUN, LOOP).kind == "endless"
    monkeypatch.setattr(server, "MEMORY", 1 << 20)
    assert children.ask(RUN, text).kind == "crash"
    monkeypatch.setattr(server, "MEMORY", 4 << 30)
    assert children.ask(RUN, text).kind == "ran"


def test_wrong_results_are_seen() -> None:
    a = np.array([1.0, np.nan, np.inf, 0.0])
    assert pipeline.distance(a, a) == 0
    assert pipeline.distance(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == 0.5
    for b in ([1.0, 1.0, np.inf, 0.0], [1.0, np.nan, -np.inf, 0.0], [1.0, np.nan, 1.0, 0.0]):
        assert pipeline.distance(a, np.array(b)) == np.inf
    assert pipeline.distance(np.array([1, 2]), np.array([1, 3])) == 0.5


SELECTED = """func.func public @main(%v1: tensor<4xf32>) -> (tensor<4xf32>) {
  %v2 = stablehlo.negate %v1 : tensor<4xf32>
  %v3 = stablehlo.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %v4 = stablehlo.constant dense<0.0> : tensor<f32>
  %v5 = "stablehlo.select_and_scatter"(%v2, %v3, %v4) <{padding = dense<[[1, 1]]> : tensor<1x2xi64>, \
window_dimensions = array<i64: 3>, window_strides = array<i64: 3>}> ({
  ^bb0(%p: tensor<f32>, %q: tensor<f32>):
    %r = stablehlo.compare GE, %p, %q, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %r : tensor<i1>
  }, {
  ^bb0(%p: tensor<f32>, %q: tensor<f32>):
    %r = stablehlo.add %p, %q : tensor<f32>
    stablehlo.return %r : tensor<f32>
  }) : (tensor<4xf32>, tensor<2xf32>, tensor<f32>) -> tensor<4xf32>
  return %v5 : tensor<4xf32>
}
"""


def test_what_a_window_selects_from() -> None:
    """Windows of SELECTED: elements 0 and 1, elements 2 and 3."""
    scatters = probe.scatters(SELECTED)
    assert scatters is not None
    [(name, kind, windows)] = scatters
    assert (name, kind) == ("%v2", "tensor<4xf32>")
    assert windows.of(np.arange(4.0)).tolist() == [[-np.inf, 0, 1], [2, 3, -np.inf]]
    for values, is_open, is_open_rounded in [
        ([1, 2, 3, 4], False, False),
        ([1, 2, 3, 3], False, True),
        ([1, 2, 3, 3.002], False, True),
        ([0, -0.0, 3, 4], True, True),
        ([0, 0, 3, 4], False, True),
        ([1, np.nan, 3, 4], False, True),
    ]:
        exact = np.array(values)
        assert probe.has_ties([exact], windows, True) == is_open, values
        assert probe.has_ties([exact, exact], windows, False) == is_open_rounded, values
    # Roundings move it so far.
    assert probe.has_ties([np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3.2, 4])], windows, False)
    assert probe.scatters(SELECTED.replace("compare GE", "compare NE")) is None
    assert probe.scatters(SELECTED + SELECTED.replace("@main", "@other")) is None


@pytest.fixture(scope="module")
def fuzzer() -> Iterator[pipeline.PipelineFuzzer]:
    one = pipeline.PipelineFuzzer()
    yield one
    one.close()


def test_a_tie_is_open_and_a_wrong_selection_is_not(fuzzer: pipeline.PipelineFuzzer) -> None:
    scheme = Scalify(matmul=None).pipeline()
    x, tied = np.float32([1, 2, 3, 4]), np.float32([1, 2, 3, 3])
    assert not fuzzer._selects_openly(SELECTED, [x], scheme)
    assert fuzzer._selects_openly(SELECTED, [tied], scheme) and not fuzzer._selects_openly(SELECTED, [tied], "")
    assert fuzzer._compare_scaled(SELECTED, scheme, [-x], [np.float32([0, 1, 0, 2])]) is None
    assert fuzzer._compare_scaled(SELECTED, scheme, [-x], [np.float32([1, 0, 0, 2])])


REDUCED = """func.func public @main(%v1: tensor<2x2xf32>) -> (tensor<f32>) {
  %v2 = stablehlo.log %v1 : tensor<2x2xf32>
  %v3 = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %v4 = stablehlo.reduce(%v2 init: %v3) applies stablehlo.maximum across dimensions = [0, 1] : \
(tensor<2x2xf32>, tensor<f32>) -> tensor<f32>
  return %v4 : tensor<f32>
}
"""


def test_nan_is_lost_where_there_is_one(fuzzer: pipeline.PipelineFuzzer) -> None:
    nan = [np.array(np.nan, "f4")]
    with_nan, without = [np.float32([[1, -1], [2, 3]])], [np.float32([[1, 1], [2, 3]])]
    assert probe.extrema(REDUCED) == [("%v2", "tensor<2x2xf32>")]
    assert fuzzer._reads_nan(REDUCED, with_nan) and not fuzzer._reads_nan(REDUCED, without, in_double=True)
    scheme = Scalify(matmul=None).pipeline()
    assert not fuzzer._compare_scaled(REDUCED, scheme, with_nan, nan)
    assert fuzzer._compare_scaled(REDUCED, scheme, without, nan)
    assert probe.extrema(REDUCED.replace("stablehlo.maximum", "stablehlo.add")) == []


def test_finds_become_small_and_are_kept(children: Server, tmp_path: pathlib.Path) -> None:
    text = Generator(random.Random(5), 20).text()
    small = minimise(text, lambda t: "return" in t and "func.func" in t, tokens=False, seconds=5)
    assert len(small.splitlines()) <= 3
    find = find_of(children.ask(RUN, LOOP, "no-such-pass"), LOOP, RUN, "no-such-pass", 7)
    assert find is not None
    find.save(tmp_path / "find.mlir")
    again = Find.load(tmp_path / "find.mlir")
    assert (again.text, again.mode, again.scheme, again.seed) == (find.text, find.mode, find.scheme, find.seed)


def test_what_is_nearly_zero() -> None:
    """lgamma(1): 0 here, 4.8e-7 of XLA's."""
    text = "%1 = chlo.lgamma %0 : tensor<f32> -> tensor<f32>"
    zero, nearly, far = (np.float32([value, np.inf]) for value in (0.0, 4.8e-7, 0.5))
    assert pipeline.is_of_xla(text, zero, nearly, lambda: False)
    assert not pipeline.is_of_xla(text, zero, far, lambda: False)
    assert pipeline.is_of_xla(text + "\n%2 = stablehlo.ceil %1 : tensor<f32>", zero, far, lambda: False)
    assert not pipeline.is_of_xla("%1 = stablehlo.sine %0 : tensor<f32>", zero, nearly, lambda: False)


# --- For a GPU ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def for_a_gpu() -> Iterator[device.DeviceFuzzer]:
    one = device.DeviceFuzzer()
    yield one
    one.close()


def test_what_is_said_of_programs_for_a_gpu(
    for_a_gpu: device.DeviceFuzzer, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    assert device.assembled(REDUCED, Scalify().pipeline()).kind == "compiled"
    assert for_a_gpu.check(REDUCED, "", 0).kind == "compiled" and for_a_gpu.check(REDUCED[:90], "", 0).kind == "rejected"
    outcome = for_a_gpu.check(REDUCED, "no-such-pass", 0)
    assert outcome.find and outcome.find.message.startswith("refused: ") and outcome.find.mode == DEVICE
    monkeypatch.setattr(
        device.assemble, "assemble", lambda *_: ["rows_0: 255 registers, 8 bytes of spills, 0 bytes shared"]
    )
    find = for_a_gpu.check(REDUCED, "", 0).find
    assert find and find.message == "bad: spills: rows_0: 255 registers, 8 bytes of spills, 0 bytes shared"
    monkeypatch.setattr(device, "SECONDS", 0.001)
    assert device.assembled(REDUCED, "").kind == "hang"


SUMS = """func.func public @main(%v1: tensor<7x3xf32>, %v2: tensor<3xi32>) -> (tensor<7xf32>, tensor<3xi32>) {
  %v3 = stablehlo.constant dense<0.0> : tensor<f32>
  %v4 = stablehlo.reduce(%v1 init: %v3) applies stablehlo.add across dimensions = [1] : \
(tensor<7x3xf32>, tensor<f32>) -> tensor<7xf32>
  %v5 = stablehlo.add %v2, %v2 : tensor<3xi32>
  return %v4, %v5 : tensor<7xf32>, tensor<3xi32>
}
"""


@pytest.mark.parametrize("scheme", ["", Scalify(matmul=None).pipeline()])
def test_what_is_expected_of_a_gpu(for_a_gpu: device.DeviceFuzzer, scheme: str) -> None:
    data = for_a_gpu.expectations(SUMS, scheme, 1)
    assert data is not None
    x, counts = data["argument0"], data["argument1"]
    np.testing.assert_allclose(data["want0"], x.astype("f8").sum(1), rtol=1e-6)
    assert np.array_equal(data["want1"], 2 * counts) and "bound1" not in data
    assert 0 < data["bound0"] <= 2.0**-6 * np.abs(data["want0"]).max()
    hangs = (
        "%v6 = stablehlo.constant dense<1.23456789e7> : tensor<7xf32>\n  %v7 = stablehlo.multiply %v4, %v6 : tensor<7xf32>"
    )
    hangs = SUMS.replace("return %v4", f"{hangs}\n  %v8 = stablehlo.sine %v7 : tensor<7xf32>\n  return %v8")
    assert for_a_gpu.expectations(hangs, scheme, 1) is None  # on single roundings


def test_programs_that_are_prepared_for_a_gpu(
    for_a_gpu: device.DeviceFuzzer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(for_a_gpu, "text", lambda seed, number: SUMS if number == 1 else LOOP)
    assert for_a_gpu.prepare(tmp_path, 3, 2) == 1
    assert {path.name for path in tmp_path.iterdir()} == {f"case-3-00001.{ending}" for ending in ("mlir", "npz", "so")}
    assert Find.load(tmp_path / "case-3-00001.mlir").text == SUMS
