# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Studies at sizes that take seconds: what they write and refuse, and that every contender trains."""

from __future__ import annotations

import csv
import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from workloads.digits import __main__ as digits
from workloads.digits import convolutional
from workloads.functions import Functions, milliseconds
from workloads.scalify import __main__ as scalify
from workloads.scalify import training

CPU = Functions()
SMALL = ["--width", "16", "--depth", "1", "--length", "8", "--steps", "40"]


def test_scalify_quick(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["scalify", "--quick", *SMALL, "--output-dir", str(tmp_path)])
    assert scalify.main() == 0
    printed = capsys.readouterr().out
    assert "GPT of 4,480 parameters" in printed and "40 steps, 2 seeds" in printed
    rows = {row["name"]: row for row in json.loads((tmp_path / "results.json").read_text())}
    ours, theirs = rows["scalify/held_out_loss"]["value"], rows["scalify/held_out_loss"]["peers"][training.FLOAT32]
    # From log 65 = 4.17 down; a few steps of noise apart.
    assert len(ours) == 2 and max(*ours, *theirs) < 3.6
    np.testing.assert_allclose(ours, theirs, atol=0.05)
    at = {exponent: rows[f"scalify/held_out_loss_at_multiplier_{2.0**exponent:g}"] for exponent in (-16, 0, 16)}
    # Scales make the units of the loss meaningless; casts without them do not.
    assert len({row["value"] for row in at.values()}) == 1
    assert at[-16]["peers"][training.FP8] > at[16]["peers"][training.FP8] + 0.01
    with (tmp_path / "losses.csv").open() as file:
        assert len(list(csv.reader(file))) == 1 + 2 * 2 * 40
    assert {path.name for path in tmp_path.iterdir()} == {
        "results.json", "losses.csv", "multipliers.csv", "losses.png", "multipliers.png", "exponents.png",
    }  # fmt: skip


def test_scalify_of_byte_pairs() -> None:
    options = scalify.arguments(["--tokens", "byte-pairs", "--vocabulary", "400", *SMALL])
    task = scalify.make_task(options, Functions())
    assert task.model.vocabulary == task.tokenizer.size == 400
    step = training.contenders(task, CPU)[training.FLOAT32]
    losses = training.train(task, CPU, training.FLOAT32, step, seed=0).losses
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "3"], "--steps is at least 20, got 3"),
        (["--width", "0"], "--width is at least 1, got 0"),
        (["--width", "30"], "width 30 is not a multiple of heads 4"),
        (["--length", "4000000"], "tokens are fewer than a window"),
        (["--tokens", "byte-pairs", "--vocabulary", "3"], "no byte-pair vocabulary of 3"),
    ],
)
def test_scalify_refuses(
    options: list[str],
    message: str,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["scalify", *options, "--output-dir", str(tmp_path)])
    assert scalify.main() == 2
    assert message in capsys.readouterr().err


def test_a_run_that_fails_ends() -> None:
    task = scalify.make_task(scalify.arguments(SMALL), Functions())
    step = training.contenders(task, CPU)[training.FLOAT32]
    run = training.train(task, CPU, training.FLOAT32, lambda *a: (*step(*a)[:2], np.float32("nan")), seed=0)
    assert len(run.losses) == 1 and np.isnan(run.losses[0])


def test_convolutional_digits() -> None:
    fold = digits.folds(len(digits.data()[0]))[0]
    steps = digits.convolutional_steps(CPU)
    accuracies = {
        name: digits.Run(CPU, step, fold, seed=0, epochs=3, net=convolutional).accuracy for name, step in steps.items()
    }
    # A tenth of them is chance; a third of the demo's training is far from enough.
    assert min(accuracies.values()) > 65 and np.ptp(list(accuracies.values())) < 6


# --- Prepared on one machine, run on another ------------------------------------------------------------------------------


def run_main(module: Any, monkeypatch: pytest.MonkeyPatch, *options: Any) -> int:
    monkeypatch.setattr(sys, "argv", ["workload", *map(str, options)])
    return int(module.main())


def test_prepared_scalify(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Saved and loaded functions train and write as compiled ones do, to the bit, without the compiler."""
    prepared, out = tmp_path / "prepared", tmp_path / "out"
    options = ["--demo", *SMALL]
    assert run_main(scalify, monkeypatch, *options, "--prepare", prepared) == 0
    assert {path.name for path in prepared.iterdir()} == {"COMMIT", "sample.so", "step_of_40_scalify.so", "text.npz"}
    capsys.readouterr()
    assert run_main(scalify, monkeypatch, *options, "--output-dir", out) == 0
    here = capsys.readouterr().out
    program = f"""
import sys
for absent in ("steelyard._native", "sentencepiece", "bible", "sklearn"):
    sys.modules[absent] = None
from workloads.scalify.__main__ import main
sys.argv = ["scalify", *{options}, "--prepared", {str(prepared)!r}, "--output-dir", {str(out)!r}]
sys.exit(main())
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", program], check=True, env=environment, capture_output=True, text=True)
    here, there = (re.sub(r"40 steps in \d+ s", "", text) for text in (here, ran.stdout))
    assert "held-out loss" in here and here == there


def test_prepared_digits(tmp_path: pathlib.Path) -> None:
    """State that is scaled, its random bits and what is observed are those of compiled functions."""
    there, here = Functions(prepared=tmp_path), Functions()
    digits.prepare(Functions(prepare=tmp_path))
    fold = digits.folds(len(there.arrays("data", digits.data)[0]))[0]
    runs = [digits.Run(made, digits.contenders(made)[digits.OURS][0], fold, seed=3, epochs=2) for made in (here, there)]
    assert runs[0].losses == runs[1].losses and len(runs[0].losses) == 22
    assert runs[0].exponents == runs[1].exponents and runs[0].accuracy == runs[1].accuracy
    steps = digits.moments.contenders(there)
    assert set(steps) == set(digits.moments.study(here)) - {"exact"}


def test_what_was_not_prepared(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, options in ((digits, ["--quick"]), (scalify, ["--quick", *SMALL])):
        assert run_main(module, monkeypatch, *options, "--prepared", tmp_path, "--output-dir", tmp_path / "out") == 1
        assert "prepare with the same options" in capsys.readouterr().err


def test_prepared_for_a_gpu(tmp_path: pathlib.Path) -> None:
    for step in digits.moments.contenders(Functions("cuda", prepare=tmp_path)).values():
        step(*digits.moments.start())
    assert len(list(tmp_path.glob("moments_*.so"))) == 5


def test_results_of_a_gpu_lie_apart(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Functions("cuda")
    assert made.output(tmp_path) == tmp_path / "cuda" and CPU.output(tmp_path) == tmp_path
    monkeypatch.setattr(Functions, "machine", lambda _: "a GPU")
    (row,) = made.label([{"name": "digits/accuracy", "value": 98.0, "machine": "a CPU", "commit": "c"}])
    assert row == {"name": "cuda/digits/accuracy", "value": 98.0, "machine": "a GPU", "commit": "c"}
    assert CPU.label([{"name": "digits/accuracy"}]) == [{"name": "digits/accuracy"}]


def test_step_times() -> None:
    """Of what the state goes through, many in a row."""
    seen = []

    def step(state: int, batch: str) -> tuple[int, float]:
        seen.append((state, batch))
        return state + 1, 0.0

    assert milliseconds(step, [0], ["b"]) > 0
    assert seen == [(index, "b") for index in range(110)]
