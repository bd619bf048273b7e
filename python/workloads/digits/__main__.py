# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``python -m workloads.digits --output-dir build/demo [--quick] [--target cuda]``."""

from __future__ import annotations

import argparse
import csv
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import steelyard
from numpy.typing import NDArray
from tqdm import tqdm

from workloads import functions
from workloads.digits import contrast, convolutional, model, moments, statistics
from workloads.functions import Functions
from workloads.results import row, write

try:
    from workloads.digits import figures
except ImportError:  # where it is only run
    figures = None  # type: ignore[assignment]

BATCH = 128
SEEDS = range(5)
FOLDS = 5
NET_EPOCHS = 10
MULTIPLIERS = [2.0**k for k in range(-16, 17, 4)]


REFERENCE, OURS = "float32 (JAX)", "Scalify FP8/FP16"


def data() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return (digits.data / 16).astype(np.float32), digits.target


def folds(count: int) -> list[NDArray[np.int64]]:
    """Every image is tested once; the partition is the same for all."""
    return np.array_split(np.random.default_rng(0).permutation(count), FOLDS)


LAYERS = (1, 2, 3)
PARAMETERS = [f"{kind}{layer}" for layer in LAYERS for kind in ("W", "b")]
# Scaled tensors of the step, in groups: its state, then the operands of contractions as they are quantised.
SCALED = {
    "parameters, FP16": PARAMETERS,
    "first moment m, FP16": PARAMETERS,
    "root of the second moment, √v, FP16": PARAMETERS,
    "activations, E4M3": ["x", "h1", "h2"],
    "weights, E4M3": ["W1", "W2", "W3"],
    "gradients of layers' outputs, E5M2": ["g3", "g2", "g1"],
}


def by_role(observed: dict[str, Any]) -> list[int]:
    """Exponents of activations, weights and gradients, each in the order of the contractions that first read them."""
    return [
        int(exponent)
        for role in ("activation", "weight", "gradient")
        for name, exponent in observed.items()
        if name.endswith(role)
    ]


class Run:
    """One training: accuracy on the test fold, losses, and the exponents of the state where it has them."""

    def __init__(
        self, made: Functions, step: Callable[..., Any], test: NDArray[np.int64], seed: int, epochs: int,
        multiplier: float = 1.0, dtype: Any = np.float32, net: Any = model,
    ) -> None:  # fmt: skip
        x, y = made.arrays("data", data)
        train = np.setdiff1d(np.arange(len(x)), test)
        random = np.random.default_rng(1000 + seed)
        onehot = np.eye(10, dtype=np.float32)[y]
        state = start(net, seed, dtype)
        factor = made.put(step, np.float32(multiplier))
        if functions.is_compiled(step):  # the same random bits whatever was run before
            step.recipe_state = {"scalify.rounding_key": np.asarray(seed, np.int64)}  # type: ignore[attr-defined]
        self.losses: list[float] = []
        self.exponents: dict[str, dict[str, list[int]]] = {title: {n: [] for n in names} for title, names in SCALED.items()}
        for _ in range(epochs):
            order = random.permutation(train)
            chosen = [order[start : start + BATCH] for start in range(0, len(order) - BATCH + 1, BATCH)]
            batches = [made.put(step, x[batch], onehot[batch]) for batch in chosen]
            # What is read waits for a device: all of an epoch together.
            values, scaled = [], []
            for batch in batches:
                *state, value = step(*state, *batch, *factor)
                values.append(value)
                if functions.is_compiled(step) and net is model:
                    scaled.append((jax.tree.leaves(state[:3]), step.observed))  # type: ignore[attr-defined]
            self.losses += [float(np.asarray(value, np.float64)) / multiplier for value in values]
            for tensors, observed in scaled:
                used = iter([tensor.exponent for tensor in tensors] + by_role(observed))
                for group in self.exponents.values():
                    for exponents in group.values():
                        exponents.append(next(used))
        correct = net.predict(state[0], x[test]) == y[test]
        self.accuracy = 100 * float(np.mean(correct))
        self.final_loss = float(np.mean(self.losses[-10:]))


def start(net: Any, seed: int, dtype: Any = np.float32) -> list[Any]:
    """Parameters, both moments and the number of steps before the first."""
    parameters = jax.tree.map(lambda p: p.astype(dtype), net.initialise(seed))
    return [parameters, jax.tree.map(np.zeros_like, parameters), jax.tree.map(np.zeros_like, parameters), np.float32(0)]


def contenders(made: Functions) -> dict[str, tuple[Callable[..., Any], Any]]:
    """Steps of the MLP, and the types of their state."""

    def scheme() -> steelyard.Scheme:
        return steelyard.Scalify(matmul="fp8", state_rounding="stochastic", observe=True)

    return {
        REFERENCE: (jax.jit(model.step), np.float32),
        OURS: (made.jit("digits", model.step, scheme, donate_argnums=(0, 1, 2)), np.float32),
        "plain FP8 casts": (jax.jit(contrast.fp8_step), np.float32),
        "plain FP16": (jax.jit(contrast.fp16_step), np.float16),
        "plain FP16, ε 2⁻¹⁴": (jax.jit(contrast.fp16_step_with_epsilon), np.float16),
    }


def prepare(made: Functions) -> int:
    """Saves all that is compiled, and the data."""
    x, y = made.arrays("data", data)
    batch = x[:BATCH], np.eye(10, dtype=np.float32)[y[:BATCH]], np.float32(1)
    contenders(made)[OURS][0](*start(model, 0), *batch)
    convolutional_steps(made)[OURS](*start(convolutional, 0), *batch)
    for step in moments.contenders(made).values():
        step(*moments.start())
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m workloads.digits", description=__doc__)
    parser.add_argument("--output-dir", type=pathlib.Path, default=pathlib.Path("build/demo"))
    parser.add_argument("--quick", action="store_true", help="one fold, two seeds, fewer multipliers")
    functions.add_arguments(parser)
    options = parser.parse_args()
    try:
        made = functions.of(options)
        if made.is_preparing:
            return prepare(made)
        out = made.output(options.output_dir)
        out.mkdir(parents=True, exist_ok=True)
        steps = contenders(made)
        count = len(made.arrays("data", data)[0])
    except functions.NotPrepared as error:
        print(f"workloads.digits: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"workloads.digits: cannot write {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    epochs = 30
    seeds = list(SEEDS)[:2] if options.quick else list(SEEDS)
    tests = folds(count)[: 1 if options.quick else FOLDS]
    multipliers = MULTIPLIERS[::4] if options.quick else MULTIPLIERS
    print("Handwritten digits (1,797 images of 8×8), MLP", "-".join(map(str, model.SIZES)) + ", Adam,", epochs, "epochs")
    reference, ours = REFERENCE, OURS
    pairs: dict[str, dict[tuple[int, int], Run]] = {reference: {}, ours: {}}
    with tqdm(total=len(seeds) * len(tests) * 2, desc="cross-validation", unit="run", disable=None) as progress:
        for seed in seeds:
            for fold, test in enumerate(tests):
                for name in (reference, ours):
                    step, dtype = steps[name]
                    pairs[name][seed, fold] = Run(made, step, test, seed, epochs, dtype=dtype)
                    progress.update()
                if (seed, fold) == (seeds[0], 0):
                    progress.write(statistics.table("first run", {name: [runs[0, 0]] for name, runs in pairs.items()}))
    runs = {name: list(results.values()) for name, results in pairs.items()}
    print(statistics.table(f"{len(tests)}-fold cross-validation × {len(seeds)} seeds", runs))
    differences = [
        [pairs[ours][seed, fold].accuracy - pairs[reference][seed, fold].accuracy for fold in range(len(tests))]
        for seed in seeds
    ]
    difference = statistics.paired(differences)
    print(f"accuracy of {ours} less float32's, paired: {difference}")

    sweep: dict[str, list[list[float]]] = {name: [] for name in steps}
    with tqdm(
        total=len(steps) * len(multipliers) * len(seeds), desc="loss multipliers", unit="run", disable=None
    ) as progress:
        for multiplier in multipliers:
            for name, (step, dtype) in steps.items():
                accuracies = []
                for seed in seeds:
                    accuracies.append(Run(made, step, tests[0], seed, epochs, multiplier, dtype).accuracy)
                    progress.update()
                sweep[name].append(accuracies)
    print(statistics.sweep_table(multipliers, sweep))
    net_epochs = 3 if options.quick else NET_EPOCHS
    nets = convolutional_runs(made, tests, net_epochs)
    print(statistics.table(f"convolutional net, {len(tests)} folds, one seed, {net_epochs} epochs", nets))
    print("  plain FP16 fails whatever the multiplier: Adam's ε = 1e-8 is zero in float16 and it divides by it;")
    print("  with ε = 2⁻¹⁴ it trains, and shows in which units of the loss")
    stagnation = moments.study(made)
    print(moments.table(stagnation))
    if made.target != "cpu":
        print_times(made, {name: steps[name][0] for name in (reference, ours)})

    plots = "no plots, which take matplotlib"
    if figures:
        plots = "three .png"
        figures.losses(out / "losses.png", {name: runs[name][0].losses for name in runs})
        figures.exponents(out / "exponents.png", runs[ours][0].exponents)
        figures.multipliers(out / "multipliers.png", multipliers, sweep)
    with (out / "exponents.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["group", "tensor", "step", "exponent"])
        for group, tensors in runs[ours][0].exponents.items():
            for tensor, exponents in tensors.items():
                writer.writerows([group, tensor, index, exponent] for index, exponent in enumerate(exponents))
    with (out / "multipliers.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["scheme", "multiplier", *(f"accuracy, seed {seed}" for seed in seeds)])
        for name, rows in sweep.items():
            for multiplier, accuracies in zip(multipliers, rows, strict=True):
                writer.writerow([name, multiplier, *accuracies])
    with (out / "cross_validation.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["scheme", "seed", "fold", "accuracy", "final loss"])
        for name, results in pairs.items():
            for (seed, fold), run in results.items():
                writer.writerow([name, seed, fold, run.accuracy, run.final_loss])
    write_results(made, out / "results.json", pairs, difference, multipliers, sweep, stagnation, nets)
    print(f"written to {out}: results.json, three .csv, {plots}")
    return 0


def print_times(made: Functions, mlp: dict[str, Callable[..., Any]]) -> None:
    """Of steps that nothing is read of between them."""
    x, y = made.arrays("data", data)
    batch = x[:BATCH], np.eye(10, dtype=np.float32)[y[:BATCH]], np.float32(1)
    for title, net, steps in (("MLP", model, mlp), ("convolutional net", convolutional, convolutional_steps(made))):
        print(f"{title}, batch {BATCH}")
        print(made.times(steps, lambda _, net=net: start(net, 0), batch))  # type: ignore[misc]


def convolutional_steps(made: Functions) -> dict[str, Callable[..., Any]]:
    def scheme() -> steelyard.Scheme:
        return steelyard.Scalify(matmul="fp8", state_rounding="stochastic")

    return {
        REFERENCE: jax.jit(convolutional.step),
        OURS: made.jit("digits, convolutional", convolutional.step, scheme, donate_argnums=(0, 1, 2)),
    }


def convolutional_runs(made: Functions, tests: list[NDArray[np.int64]], epochs: int) -> dict[str, list[Run]]:
    """The net on every fold with one seed, by float32 and by Scalify."""
    steps = convolutional_steps(made)
    runs: dict[str, list[Run]] = {name: [] for name in steps}
    with tqdm(total=len(tests) * len(steps), desc="convolutional net", unit="run", disable=None) as progress:
        for test in tests:
            for name, step in steps.items():
                runs[name].append(Run(made, step, test, 0, epochs, net=convolutional))
                progress.update()
    return runs


def write_results(
    made: Functions,
    path: pathlib.Path,
    pairs: Any,
    difference: Any,
    multipliers: Any,
    sweep: Any,
    stagnation: Any,
    nets: Any,
) -> None:
    ours, reference = OURS, REFERENCE
    accuracies = {name: [run.accuracy for run in runs.values()] for name, runs in pairs.items()}
    rows = [
        row("digits/accuracy", accuracies[ours], "%", "higher", {reference: accuracies[reference]}),
        row("digits/paired_difference", [difference.low, difference.mean, difference.high], "points", "higher",
            target="within ±0.5"),
    ]  # fmt: skip
    for index, multiplier in enumerate(multipliers):
        rows.append(
            row(
                f"digits/accuracy_at_multiplier_{multiplier:g}",
                sweep[ours][index],
                "%",
                "higher",
                {name: values[index] for name, values in sweep.items() if name != ours},
            )
        )
    net = {name: [run.accuracy for run in results] for name, results in nets.items()}
    rows.append(row("digits/convolutional_accuracy", net[ours], "%", "higher", {reference: net[reference]}))
    rows += [row(f"adam_v_after_2000_steps/{name}", value, "", "higher") for name, value in stagnation.items()]
    write(path, made.label(rows))


if __name__ == "__main__":
    sys.exit(main())
