# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What benchmarks on GPUs do where there is none: chains in JAX and in (a stand-in for) PyTorch, contractions, the page."""

from __future__ import annotations

import importlib
import json
import pathlib
import re
import sys
import types
from typing import Any

import fake_torch
import jax
import ml_dtypes
import numpy as np
import pytest
import steelyard
from benchmarks.gpu import block, chains, is_selected, kernels, report, steps, timing
from benchmarks.gpu import prepare as preparing
from benchmarks.gpu import run as runner
from benchmarks.gpu.__main__ import arguments
from benchmarks.gpu.prepare import all_work, contracts_in_8_bits, prepare
from steelyard._runtime import CPU
from steelyard.models import GPT
from workloads import results

DOCS = pathlib.Path(__file__).parents[2] / "docs"

# --- Chains ---------------------------------------------------------------------------------------------------------------


def arrays(chain: chains.Chain) -> list[Any]:
    random = np.random.default_rng(0)
    return [random.standard_normal(a.shape).astype(jax.numpy.dtype(a.dtype)) for a in chain.arguments]


@pytest.mark.parametrize("shape", [(65, 129), (5, 33, 40)], ids=str)
def test_both_programs_of_a_chain_compute_the_same(shape: tuple[int, ...]) -> None:
    """With the shapes and types that are promised, within the tolerance; also what XLA keeps in float32."""
    for chain in chains.draw_chains(1, 30, shape):
        given = arrays(chain)
        ours = jax.jit(chain.in_jax())(*given)
        theirs = chain.in_torch(fake_torch)(*map(fake_torch.Tensor, given))
        for output, a, b in zip(chain.outputs, ours, theirs, strict=True):
            want = b.value.astype(np.float64)
            assert a.shape == want.shape == output.shape and a.dtype == output.dtype == b.value.dtype, chain.words
            unit = output.unit * want.size**0.5
            difference = np.linalg.norm(np.ravel(np.asarray(a, np.float64) - want)) / max(np.linalg.norm(want), unit)
            assert difference <= chain.tolerance / 2, (difference, chain.words, chain.text(True))


def test_chains_of_a_seed() -> None:
    drawn = chains.draw_chains(chains.SEED)
    assert drawn == chains.draw_chains(chains.SEED) and drawn != chains.draw_chains(chains.SEED + 1)
    sizes = [int(np.prod(chain.arguments[0].shape)) for chain in drawn]
    assert len(drawn) == 20 and min(sizes) >= 2**22 and max(sizes) <= 2**26
    assert {len(chain.arguments[0].shape) for chain in drawn} == {2, 3}
    used = {step.operation for seed in range(20) for chain in chains.draw_chains(seed, 20, (4, 6)) for step in chain.steps}
    assert used == set(chains.OPERATIONS)
    # No chain is larger than a device: three whole arrays, and what comes out.
    assert max(chain.bytes for chain in drawn) < 2**31


def test_chains_are_saved(tmp_path: pathlib.Path) -> None:
    drawn = chains.draw_chains(3)
    chains.save(tmp_path / chains.FILE, 3, drawn)
    assert chains.load(tmp_path / chains.FILE) == (3, drawn)


# --- Contractions ---------------------------------------------------------------------------------------------------------


def small() -> block.Linear:
    return block.Linear("small", 64, 96, tokens=128)


def test_the_twelve_contractions() -> None:
    contractions = [contraction for linear in block.linears() for contraction in linear.contractions()]
    assert len(contractions) == 12
    # 2 m n k of each: 3 · 2 · 8192 · 2048 · (6144 + 2048 + 8192 + 8192).
    assert sum(contraction.flops for contraction in contractions) == 6 * 8192 * 2048 * 24576
    assert sum(linear.flops for linear in block.linears()) == 6 * 8192 * 2048 * 24576


def test_quantised_products() -> None:
    """Of the layer, as float64 has them."""
    linear, random = small(), np.random.default_rng(0)
    x, w, dy = (random.standard_normal(shape).astype(ml_dtypes.bfloat16) for shape in linear.shapes)
    wide = [operand.astype(np.float64) for operand in (x, w, dy)]
    want = [wide[0] @ wide[1].T, wide[2] @ wide[1], wide[2].T @ wide[0]]
    operands = {"x": x, "w": w, "dy": dy}
    for index, (contraction, (a, b, *_)) in enumerate(zip(linear.contractions(), block.PASSES.values(), strict=True)):
        size = np.linalg.norm(want[index])
        for got, tolerance in (
            (contraction.fp8(operands[a], operands[b]), 0.08),
            (linear.fp8(x, w, dy)[index], 0.08),
            (contraction.bf16(operands[a], operands[b]), 0.004),
            (linear.bf16(x, w, dy)[index], 0.004),
        ):
            assert np.linalg.norm(np.asarray(got, np.float64) - want[index]) <= tolerance * size


def test_quantised_products_are_contracted_in_8_bits(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_DUMP", str(tmp_path))
    linear = small()
    abstract = {
        name: jax.ShapeDtypeStruct(shape, block.BF16)  # type: ignore[no-untyped-call]
        for name, shape in zip(("x", "w", "dy"), linear.shapes, strict=True)
    }
    texts = [jax.jit(linear.fp8).lower(*abstract.values()).as_text()]
    for contraction, (a, b, *_) in zip(linear.contractions(), block.PASSES.values(), strict=True):
        texts.append(jax.jit(contraction.fp8).lower(abstract[a], abstract[b]).as_text())
    for text in texts:
        assert contracts_in_8_bits(text, "contraction", "sm_90a") == []
    dumps = sorted(tmp_path.glob("*/06-buffers.mlir"))
    products = [re.findall(r"cuda\.contraction ins\(.*?: (.*?)\)", path.read_text()) for path in dumps]
    assert [len(found) for found in products] == [3, 1, 1, 1]
    assert all(operand.count("xf8E") == 2 for found in products for operand in found)


def test_what_is_not_contracted_in_8_bits_is_said() -> None:
    def product(a: Any, b: Any) -> Any:
        return block.contracted(a.astype("float8_e5m2"), b.astype("float8_e5m2"), 1, 1)

    abstract = jax.ShapeDtypeStruct((64, 64), block.BF16)  # type: ignore[no-untyped-call]
    remarks = contracts_in_8_bits(jax.jit(product).lower(abstract, abstract).as_text(), "product", "sm_90a")
    assert len(remarks) == 1 and "not contracted in 8 bits" in remarks[0]


@pytest.mark.parametrize("odd", block.odd_sizes(), ids=lambda odd: odd.name)
def test_odd_sizes(odd: block.Odd) -> None:
    assert any(size % 16 for size in odd.size) and all(size % 16 == 0 for size in odd.padded)
    assert all(0 <= more - size < 16 for size, more in zip(odd.size, odd.padded, strict=True))


# --- The page and the log -------------------------------------------------------------------------------------------------

COMMON = {"machine": "a GPU", "versions": {"PyTorch": "2.11"}, "commit": "c" * 40}


def example() -> list[report.Row]:
    rows = [report.row("kernels", "softmax", 0.1, {report.TORCH: 0.15}, 0.05, bytes=2**28, flops=0)]
    for linear in block.linears():
        for name in [c.name for c in linear.contractions()] + [block.joint_name(linear)]:
            peers = {report.OURS_BF16: 0.2, report.TORCH: 0.3, report.TORCH_FP8: 0.15}
            rows.append(report.row("block", name, 0.1, peers, flops=10**11))
    padded = {report.PADDED: 0.1, report.TORCH: 0.4, report.TORCH_PADDED: 0.2}
    rows.append(report.row("odd", f"{block.odd_sizes()[0].name}, FP8", 0.11, padded))
    for chain, ours, theirs in zip(chains.draw_chains(0, 2), (0.1, 0.4), (0.2, 0.2), strict=True):
        more = {"bytes": chain.bytes, "words": chain.words, "seed": 0}
        rows.append(report.row("chains", chain.name, ours, {report.TORCH: 9.0, report.JAX: theirs}, 0.01, **more))
    for scheme in ("float32", "Scalify FP8"):
        rows.append(report.row("steps", f"GPT, width 96/{scheme}", 2.0, {report.JAX: 1.0}, loss=1.0, loss_of_peer=1.0))
    return [row | COMMON for row in rows]


def test_page() -> None:
    page = report.page(example())
    assert "| softmax | 0.100 | 2.68 |  | 0.150 | 1.50 | 0.0500 |" in page
    assert "| qkv, forward | 0.100 | 1000 | 0.200 | 0.300 | 0.150 | 3.00 | 1.50 |" in page
    assert "| **the 12 contractions** | 1.20 | 1000 | 2.40 | 3.60 | 1.80 | 3.00 | 1.50 |" in page
    assert "| **four layers, all three products at once** | 0.400 |" in page
    assert "| 8191 × 2047 × 4095 | FP8 | 0.110 | 0.100 | 1.10 | 0.400 | 2.00 |" in page
    assert "Geometric mean 1.00, least 0.500, of 2 chains" in page
    assert "| GPT, width 96 | 1.00 | 2.00 (0.500) | 2.00 (0.500) |" in page
    peers = {report.JAX: 1.0, report.JAX_BF16: 0.5}
    wide = [report.row("steps", f"GPT, width 768/{name}", 0.5, peers) | COMMON for name in steps.CONTENDERS]
    page = report.page([*example(), *wide])
    assert "| step | jax.jit | jax.jit, bf16 | float32 | TF32 | bfloat16 | Scalify FP16 | Scalify FP8 |" in page
    assert "| GPT, width 96 | 1.00 | – | 2.00 (0.500) | – | – | – | 2.00 (0.500) |" in page
    assert f"| GPT, width 768 | 1.00 | 0.500 |{' 0.500 (2.00) |' * 5}" in page and "In bf16" in page
    without = [row | {"peers": {}} for row in example()]  # where every peer failed
    assert "| softmax | 0.100 | 2.68 |  | – | – | 0.0500 |" in report.page(without)


def test_rows_of_another_run_are_kept_where_all_is_the_same() -> None:
    old = example()
    new = [old[0] | {"value": 7.0}]
    merged = report.merged(old, new)
    assert len(merged) == len(old) and merged[0]["value"] == 7.0
    assert report.merged([row | {"commit": "d"} for row in old], new) == new


def test_the_page_in_the_documentation_is_of_the_figures_there() -> None:
    rows = report.read(DOCS / report.RESULTS)
    page = DOCS / report.PAGE
    assert bool(rows) == page.exists() and (not rows or page.read_text() == report.page(rows))


# A stand-in for a measuring process: it goes on behind what the log names, and crashes or hangs at work so named.
MEASURE = """
import json, os, sys, time
path = sys.argv[1]
begun = [json.loads(line).get("begin") for line in open(path)] if os.path.exists(path) else []
with open(path, "a", buffering=1) as log:
    print(json.dumps({"machine": "a GPU", "versions": {"PyTorch": "2.11"}}), file=log)
    for name in ("first", "crashes", "hangs", "last"):
        if name in begun:
            continue
        print(json.dumps({"begin": name}), file=log)
        if name == "crashes":
            os.abort()
        if name == "hangs":
            time.sleep(60)
        print(json.dumps({"end": name, "rows": [{"name": name}], "faults": ["wrong"] if name == "last" else []}), file=log)
"""


def test_measuring_goes_on_behind_a_crash(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log.jsonl"
    assert runner._measure([sys.executable, "-c", MEASURE, str(log)], log, patience=2)
    read = runner.read_log(log)
    assert (read.machine, read.versions) == ("a GPU", {"PyTorch": "2.11"})
    assert [row["name"] for row in read.rows] == ["first", "last"]
    unfinished = ["did not come to an end"]
    assert read.faults == {"first": [], "crashes": unfinished, "hangs": unfinished, "last": ["wrong"]}


def test_a_process_that_measures_nothing_is_not_repeated(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log.jsonl"
    assert not runner._measure([sys.executable, "-c", "raise SystemExit(1)"], log, patience=30)


# --- Measuring, with stand-ins for PyTorch, Triton and the GPU ------------------------------------------------------------


@pytest.fixture
def measuring(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, where arrays are NumPy's and libraries for the CPU; all sizes are small."""
    triton = types.ModuleType("triton")
    testing = types.ModuleType("triton.testing")
    triton.__version__, testing.do_bench = "0", fake_torch.do_bench  # type: ignore[attr-defined]
    for name, module in (("torch", fake_torch), ("triton", triton), ("triton.testing", testing)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "benchmarks.gpu.measure", raising=False)
    for module, name, value in (
        (block, "LAYERS", {"small": (64, 96)}),
        (block, "TOKENS", 128),
        (block, "ODD_SIZES", ((33, 47, 65),)),
        (kernels, "ROWS", 64),
        (kernels, "COLUMNS", 32),
        (kernels, "SIDE", 64),
        (timing, "FLUSHED", 1 << 12),
        (preparing, "Target", lambda *_, **__: CPU),
        (preparing, "HOST", ""),
        (steelyard, "device_put", lambda x, copy=None: x.value if isinstance(x, fake_torch.Tensor) else x),
        (jax, "default_backend", lambda: "gpu"),
        (jax.dlpack, "from_dlpack", lambda tensor: jax.numpy.asarray(tensor.value)),
    ):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(chains, "draw_chains", lambda seed, draw=chains.draw_chains: draw(seed, 3, (65, 129)))
    jit = steelyard.jit
    monkeypatch.setattr(steelyard, "jit", lambda f, **options: jit(f, **(options | {"target": "cpu"})))
    linears = [block.Linear("small", 64, 96, tokens=128)]
    monkeypatch.setattr(block, "linears", lambda: linears)
    return importlib.import_module("benchmarks.gpu.measure")


def measured(measuring: Any, folder: pathlib.Path, only: str) -> runner.Log:
    assert prepare(folder, "sm_90a", only, 0)
    log = folder / "log.jsonl"
    assert measuring.measure(folder, only, log) == 0
    return runner.read_log(log)


@pytest.mark.parametrize("only", ["block", "odd", "chain ", "cast, current scale", "transpose", "matmul"])
def test_measuring(only: str, measuring: Any, tmp_path: pathlib.Path) -> None:
    """Everything is right beside its peers, and there is a figure of each contender."""
    log = measured(measuring, tmp_path, only)
    assert log.machine.startswith("a GPU, driver") and log.versions["PyTorch"] == fake_torch.__version__
    assert set(map(tuple, log.faults.values())) == {()}
    peers = {
        "block": {report.OURS_BF16, report.TORCH, report.TORCH_FP8},
        "odd": {report.PADDED, report.TORCH, report.TORCH_PADDED},
        "chain ": {report.TORCH, report.JAX},
    }.get(only, {report.TORCH})
    assert len(log.rows) == {"block": 4, "odd": 2, "chain ": 3, "matmul": 2}.get(only, 1)
    assert all(set(row["peers"]) == peers and row["value"] > 0 for row in log.rows)
    assert report.page([row | COMMON for row in log.rows])


def test_measuring_training_steps(measuring: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring.steps, "CONTENDERS", ("float32", "Scalify FP8"))
    log = measured(measuring, tmp_path, "digits")
    assert log.faults == {"digits": []} and [report.work_of(row) for row in log.rows] == [
        "digits/float32", "digits/Scalify FP8",
    ]  # fmt: skip


def small_gpt(monkeypatch: pytest.MonkeyPatch) -> steps.Step:
    """The step of a GPT, at a size that takes seconds, as the only one."""
    (step,) = [step for step in steps.all_steps() if step.name == "GPT, width 96"]
    gpt = GPT(vocabulary=7, length=4, width=16, depth=1)
    tokens = np.arange(10, dtype=np.int32).reshape(2, 5) % 7

    def text(p: Any, tokens: Any, _: Any, multiplier: Any) -> Any:
        return multiplier * gpt.loss(p, tokens)

    small = steps._step(step.name, text, gpt.initialise(0), tokens, np.float32(0), has_mixed=True)
    monkeypatch.setattr(steps, "all_steps", lambda: [small])
    return small


def test_measuring_in_mixed_precision(measuring: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every contender's losses are float32's, and bfloat16 has a peer of its own."""
    small_gpt(monkeypatch)
    monkeypatch.setattr(measuring, "STEPS", 5)
    log = measured(measuring, tmp_path, "GPT")
    assert log.faults == {"GPT, width 96": []}
    assert [report.work_of(row) for row in log.rows] == [f"GPT, width 96/{name}" for name in steps.CONTENDERS]
    assert all(set(row["peers"]) == {report.JAX, report.JAX_BF16} for row in log.rows)


def test_contenders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products in TF32 are marked, those in bfloat16 are of bfloat16, parameters stay float32."""
    step = small_gpt(monkeypatch)
    traced = {name: jax.jit(step.of(name)[0]).trace(*step.state, *step.batch) for name in step.contenders}
    lowered = {name: one.lower(lowering_platforms=("cuda",)) for name, one in traced.items()}
    for name, marks in ((steps.TF32, "tf32"), (steps.BFLOAT16, "xbf16>, tensor<")):
        products = [line for line in lowered[name].as_text().splitlines() if "dot_general" in line]
        assert products and all(marks in line for line in products)
    plain = lowered[steps.FLOAT32].as_text()
    assert "tf32" not in plain and "bf16" not in plain
    state = jax.tree.leaves(lowered[steps.BFLOAT16].out_info)
    assert all(leaf.dtype == np.float32 for leaf in state)


def test_a_peer_that_fails_does_not_lose_the_rest(
    measuring: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: Any, **options: Any) -> Any:
        raise RuntimeError("no such kernel\nat all")

    monkeypatch.setattr(fake_torch, "_scaled_mm", fails)
    log = measured(measuring, tmp_path, "block, small, forward")
    assert set(log.rows[0]["peers"]) == {report.OURS_BF16, report.TORCH}
    (faults,) = log.faults.values()
    assert faults == [f"{report.TORCH_FP8}: RuntimeError: no such kernel"] * 2


def test_wrong_results_are_faults(measuring: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_in_torch", lambda results: tuple(fake_torch.Tensor(r) * 1.5 for r in results))
    log = measured(measuring, tmp_path, "transpose")
    (faults,) = log.faults.values()
    assert len(log.rows) == 1 and "beside torch.compile: result 0 differs by 5.00e-01" in faults[0]


def test_a_broken_device_ends_the_process(measuring: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError("an illegal memory access was encountered")

    assert prepare(tmp_path, "sm_90a", "chain ", 0)
    monkeypatch.setattr(measuring, "_chain", fails)
    monkeypatch.setattr(fake_torch.cuda, "synchronize", fails)
    log = tmp_path / "log.jsonl"
    assert measuring.measure(tmp_path, "chain ", log) == measuring.BROKEN
    assert list(runner.read_log(log).faults) == ["chain 00"]
    assert measuring.measure(tmp_path, "chain ", log) == measuring.BROKEN  # the next one
    assert list(runner.read_log(log).faults) == ["chain 00", "chain 01"]


# --- The command line -----------------------------------------------------------------------------------------------------


def test_arguments() -> None:
    options = arguments(["prepare", "DIR"])
    assert (options.folder, options.only, options.seed) == (pathlib.Path("DIR"), "", chains.SEED)
    options = arguments(["run", "DIR", "--only", "block", "--output-dir", "OUT"])
    assert (options.only, options.output_dir) == ("block", pathlib.Path("OUT"))
    with pytest.raises(SystemExit):
        arguments(["measure", "DIR"])


def test_names_of_groups() -> None:
    """``--only`` tells them apart, and no two pieces of work lie in one file."""
    work = list(all_work(chains.draw_chains(0)))
    for only, count in (("kernels/", 13), ("block", 32), ("odd", 16), ("chains", 20), ("chain 07", 1), ("qkv, dgrad", 2)):
        assert sum(is_selected(only, one.group, one.names[0]) for one in work) == count
    assert len({one.names for one in work}) == len(work)


def test_prepare(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(block, "LAYERS", {"small": (64, 96)})
    assert prepare(tmp_path, "sm_90a", "block, small, forward", 5)
    assert {path.name for path in tmp_path.iterdir()} == {
        "COMMIT", "chains.json", "block_small_forward_fp8.so", "block_small_forward_bf16.so",
    }  # fmt: skip
    assert (tmp_path / "COMMIT").read_text() == results.commit()
    assert json.loads((tmp_path / "chains.json").read_text())["seed"] == 5
    printed = capsys.readouterr().out
    assert "chains drawn with seed 5" in printed and "2 of 2 libraries" in printed


def test_what_can_not_be_compiled_does_not_stop_the_rest(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(block, "LAYERS", {"small": (64, 96)})
    monkeypatch.setattr(block.Contraction, "fp8", lambda *_: 1 / 0)
    assert not prepare(tmp_path, "sm_90a", "block, small, forward", 5)
    assert (tmp_path / "block_small_forward_bf16.so").exists()
    assert "block, small, forward, FP8: division by zero" in capsys.readouterr().out
