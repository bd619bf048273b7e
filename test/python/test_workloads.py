# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Studies at sizes that take seconds: what they write and refuse, and that every contender trains."""

from __future__ import annotations

import csv
import json
import pathlib
import sys

import numpy as np
import pytest
from workloads.digits import __main__ as digits
from workloads.digits import convolutional
from workloads.scalify import __main__ as scalify
from workloads.scalify import training

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
    task = scalify.make_task(options)
    assert task.model.vocabulary == task.tokenizer.size == 400
    step = training.contenders(task)[training.FLOAT32]
    losses = training.train(task, training.FLOAT32, step, seed=0).losses
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
    task = scalify.make_task(scalify.arguments(SMALL))
    step = training.contenders(task)[training.FLOAT32]
    run = training.train(task, training.FLOAT32, lambda *a: (*step(*a)[:2], np.float32("nan")), seed=0)
    assert len(run.losses) == 1 and np.isnan(run.losses[0])


def test_convolutional_digits() -> None:
    fold = digits.folds(len(digits.data()[0]))[0]
    steps = digits.convolutional_steps()
    accuracies = {
        name: digits.Run(step, fold, seed=0, epochs=3, net=convolutional).accuracy for name, step in steps.items()
    }
    # A tenth of them is chance; a third of the demo's training is far from enough.
    assert min(accuracies.values()) > 65 and np.ptp(list(accuracies.values())) < 6
