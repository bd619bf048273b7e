# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``python -m workloads.scalify --output-dir build/scalify [--quick | --demo] [--target cuda]``."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from scipy import stats
from steelyard.models import GPT
from steelyard.models.layers import parameter_count
from tqdm import tqdm

from workloads import functions, text
from workloads.functions import Functions
from workloads.results import row, write
from workloads.scalify.training import FLOAT32, FP8, SCALIFY, Run, Task, contenders, start, train

try:
    from workloads.scalify import figures
except ImportError:  # where it is only run
    figures = None  # type: ignore[assignment]

SEEDS = range(3)
MULTIPLIERS = [2.0**k for k in (-16, -8, 0, 8, 16)]
PROMPT = "And God said"


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m workloads.scalify", description=__doc__)
    parser.add_argument("--output-dir", type=pathlib.Path, default=pathlib.Path("build/scalify"))
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a tenth of the time: fewer seeds, steps and multipliers")
    size.add_argument(
        "--demo",
        action="store_true",
        help="one training beside float32, and its text: of two minutes on the CPU, unless --steps says how many",
    )
    parser.add_argument("--tokens", choices=("characters", "byte-pairs"), default="characters")
    parser.add_argument("--vocabulary", type=int, default=512, help="of byte pairs")
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--length", type=int, default=64, help="tokens that the model sees at once")
    parser.add_argument("--steps", type=int, help="of a whole training")
    functions.add_arguments(parser)
    return parser.parse_args(given)


def main() -> int:
    options = arguments()
    try:
        made = functions.of(options)
        out = made.output(options.output_dir)
        if not made.is_preparing:
            out.mkdir(parents=True, exist_ok=True)
        task = make_task(options, made)
    except functions.NotPrepared as error:
        print(f"workloads.scalify: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"workloads.scalify: cannot write {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"workloads.scalify: {error}", file=sys.stderr)
        return 2
    count = parameter_count(task.model.initialise(0))
    print(f"King James text, {len(task.train):,} tokens of {task.tokenizer.size} kinds; GPT of {count:,} parameters:")
    print(f"width {task.model.width}, depth {task.model.depth}, {task.model.length} tokens; AdamW, batch {task.batch}")
    if made.is_preparing:
        return prepare(task, made, options.demo)
    try:
        if options.demo:
            return demo(task, made, out, None if made.target != "cpu" or options.prepared or options.steps else 120)
        return study(task, made, out, quick=options.quick)
    except functions.NotPrepared as error:
        print(f"workloads.scalify: {error}", file=sys.stderr)
        return 1


def make_task(options: argparse.Namespace, made: Functions) -> Task:
    for name in ("width", "depth", "length", "vocabulary"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name} is at least 1, got {getattr(options, name)}")
    steps = options.steps or (200 if options.quick else 1200)
    if steps < 20:
        raise ValueError(f"--steps is at least 20, got {steps}")
    (encoded,) = made.arrays("text", lambda: (np.frombuffer(text.scripture().encode(), np.uint8),))
    whole = encoded.tobytes().decode()
    tokenizer: text.Tokenizer
    if options.tokens == "characters":
        tokenizer = text.CharacterTokenizer(whole)
    else:
        tokenizer = text.BytePairTokenizer(whole, options.vocabulary)
    parts = text.split(tokenizer.encode(whole))
    model = GPT(tokenizer.size, options.length, options.width, options.depth, heads=4)
    if min(map(len, parts)) <= options.length:
        raise ValueError(f"{min(map(len, parts)):,} tokens are fewer than a window of {options.length + 1:,}")
    return Task(model, tokenizer, *parts, steps)


def short(task: Task) -> Task:
    """A training of a fifth of the steps."""
    return dataclasses.replace(task, steps=task.steps // 5)


def prepare(task: Task, made: Functions, only_demo: bool) -> int:
    """Saves all that is compiled."""
    for one, are_short in ((task, False), (short(task), True))[: 1 if only_demo else 2]:
        for name, step in contenders(one, made, are_short).items():
            if name in (SCALIFY, FP8):
                step(*start(one, name, 0), next(one.batches(0)), np.float32(1))
    write_text(task, made, task.model.initialise(0))
    return 0


def demo(task: Task, made: Functions, out: pathlib.Path, seconds: float | None) -> int:
    """As many steps as Scalify takes in this time, if one is given; then float32 does the same."""
    steps = contenders(task, made)
    if seconds is not None:  # the schedule must know the number of steps, so a few are timed first
        timed = train(task, made, SCALIFY, steps[SCALIFY], seed=0, steps=12)
        task = dataclasses.replace(task, steps=max(20, round(seconds * 11 / timed.seconds)))
        steps = contenders(task, made)
    runs: dict[str, Run] = {}
    for name in (SCALIFY, FLOAT32):
        with tqdm(total=task.steps, desc=f"{name:16s}", unit="step", disable=None) as progress:

            def show(loss: float, progress: Any = progress) -> None:
                progress.update()
                progress.set_postfix(loss=f"{loss:.3f}", refresh=False)

            runs[name] = train(task, made, name, steps[name], seed=0, watch=show)
    for name, run in runs.items():
        took = f"{task.steps} steps in {run.seconds:.0f} s"
        print(f"  {name:22s} held-out loss {task.held_out_loss(run.parameters):.4f} nats a token, {took}")
    print_times(task, made, steps)
    plots = "no plot, which takes matplotlib"
    if figures:
        figures.losses(out / "gpt_losses.png", {name: [run.losses] for name, run in runs.items()})
        plots = "gpt_losses.png"
    print(f"written to {out}: {plots}. What the model trained in FP8 writes after {PROMPT!r}:")
    print(write_text(task, made, runs[SCALIFY].parameters))
    return 0


def print_times(task: Task, made: Functions, steps: dict[str, Any]) -> None:
    """On a device: of steps that nothing is read of between them."""
    if made.target != "cpu":
        batch = next(task.batches(0)), np.float32(1)
        print(made.times({name: steps[name] for name in (FLOAT32, SCALIFY)}, lambda name: start(task, name, 0), batch))


def write_text(task: Task, made: Functions, parameters: Any, count: int = 400) -> str:
    """A sample, drawn by compiled code as well."""
    prompt = task.tokenizer.encode(PROMPT)[None, -task.model.length :]

    def sample(parameters: Any, prompt: Any, seed: Any) -> Any:
        return task.model.sample(parameters, prompt, jax.random.key(seed), count, temperature=0.7)

    parameters = jax.tree.map(lambda p: np.asarray(p, np.float32), parameters)
    tokens = made.jit("sample", sample)(parameters, prompt, np.uint32(0))
    return "" if made.is_preparing else PROMPT + task.tokenizer.decode(np.asarray(tokens)[0])


def study(task: Task, made: Functions, out: pathlib.Path, quick: bool) -> int:
    seeds = list(SEEDS)[: 2 if quick else None]
    multipliers = MULTIPLIERS[::2] if quick else MULTIPLIERS
    briefly = short(task)  # their own schedule, which ends where they do
    steps, brief_steps = contenders(task, made), contenders(briefly, made, are_short=True)
    names = list(brief_steps)
    runs: dict[str, list[Run]] = {FLOAT32: [], SCALIFY: []}
    held_out: dict[str, list[float]] = {name: [] for name in runs}
    total = task.steps * 2 * len(seeds) + briefly.steps * len(names) * len(multipliers)
    with tqdm(total=total, unit="step", disable=None) as progress:

        def show(loss: float) -> None:
            progress.update()

        for seed in seeds:
            for name, results in runs.items():
                progress.set_description(f"{name}, seed {seed}")
                results.append(train(task, made, name, steps[name], seed, watch=show))
                held_out[name].append(task.held_out_loss(results[-1].parameters))
                progress.write(f"{name}, seed {seed}: held-out loss {held_out[name][-1]:.4f}")
        sweep: dict[str, list[float]] = {name: [] for name in names}
        for name, losses in sweep.items():
            for multiplier in multipliers:
                progress.set_description(f"{name}, loss × {multiplier:g}")
                run = train(briefly, made, name, brief_steps[name], 0, multiplier=multiplier, watch=show)
                losses.append(task.held_out_loss(run.parameters))
    difference = paired(held_out[SCALIFY], held_out[FLOAT32])
    print(_table(task, runs, held_out, difference))
    print(_sweep_table(briefly.steps, multipliers, sweep))
    print_times(task, made, steps)
    plots = "no plots, which take matplotlib"
    if figures:
        plots = "three .png"
        figures.losses(out / "losses.png", {name: [run.losses for run in results] for name, results in runs.items()})
        figures.multipliers(out / "multipliers.png", multipliers, sweep, briefly.steps)
        figures.exponents(out / "exponents.png", runs[SCALIFY][0].exponents)
    _write_csv(out, runs, multipliers, sweep)
    rows = [row("scalify/held_out_loss", held_out[SCALIFY], "nats", "lower", {FLOAT32: held_out[FLOAT32]})]
    rows.append(row("scalify/paired_difference", list(difference), "nats", "lower", target="within seed noise"))
    for name, results in runs.items():
        rows.append(row(f"scalify/step_seconds/{name}", [r.seconds / (len(r.losses) - 1) for r in results], "s", "lower"))
    for index, multiplier in enumerate(multipliers):
        peers: dict[str, float | Sequence[float]] = {name: sweep[name][index] for name in names if name != SCALIFY}
        rows.append(
            row(f"scalify/held_out_loss_at_multiplier_{multiplier:g}", sweep[SCALIFY][index], "nats", "lower", peers)
        )
    write(out / "results.json", made.label(rows))
    print(f"written to {out}: results.json, losses.csv, multipliers.csv, {plots}. A sample:")
    print(write_text(task, made, runs[SCALIFY][0].parameters))
    return 0


def paired(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """The mean difference over seeds within its 95 % interval by Student's t: low, mean, high."""
    differences = np.subtract(ours, theirs)
    mean = float(np.mean(differences))
    half = float(stats.t.ppf(0.975, len(differences) - 1) * np.std(differences, ddof=1) / np.sqrt(len(differences)))
    return mean - half, mean, mean + half


def _table(task: Task, runs: dict[str, list[Run]], held_out: dict[str, list[float]], difference: Sequence[float]) -> str:
    lines = [f"{task.steps} steps, {len(runs[FLOAT32])} seeds: nats a token, mean ± standard deviation over seeds"]
    lines.append(f"  {'':22s}{'held-out loss':>18s}{'last 50 batches':>18s}{'ms a step':>12s}")
    for name, results in runs.items():
        ends = [float(np.mean(run.losses[-50:])) for run in results]
        each = min(run.seconds / (len(run.losses) - 1) for run in results)
        lines.append(f"  {name:22s}{_spread(held_out[name]):>18s}{_spread(ends):>18s}{each * 1e3:>12.0f}")
    low, mean, high = difference
    lines.append(
        f"  held-out loss of {SCALIFY} less float32's, paired: {mean:+.4f}, 95 % interval [{low:+.4f}, {high:+.4f}]"
    )
    return "\n".join(lines)


def _sweep_table(steps: int, multipliers: Sequence[float], sweep: dict[str, list[float]]) -> str:
    lines = [f"held-out loss after {steps} steps against the units of the loss (one seed)"]
    lines.append("  " + " " * 22 + "".join(f"{f'2^{np.log2(m):.0f}':>8s}" for m in multipliers))
    for name, losses in sweep.items():
        lines.append(f"  {name:22s}" + "".join(f"{loss:8.3f}" for loss in losses))
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def _write_csv(
    out: pathlib.Path, runs: dict[str, list[Run]], multipliers: Sequence[float], sweep: dict[str, list[float]]
) -> None:
    with (out / "losses.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["contender", "seed", "step", "training loss"])
        for name, results in runs.items():
            for seed, run in enumerate(results):
                writer.writerows([name, seed, step, loss] for step, loss in enumerate(run.losses))
    with (out / "multipliers.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["contender", "multiplier", "held-out loss"])
        for name, losses in sweep.items():
            writer.writerows([name, multiplier, loss] for multiplier, loss in zip(multipliers, losses, strict=True))


if __name__ == "__main__":
    sys.exit(main())
