# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``python -m benchmarks --output-dir build/bench [--quick] [--threads N]``."""

from __future__ import annotations

import argparse
import csv
import os
import pathlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.cases import Case
    from benchmarks.timing import Times


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Compiled code beside jax.jit.")
    parser.add_argument("--output-dir", type=pathlib.Path, default=pathlib.Path("build/bench"))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--threads", type=int, help="for all contenders (default: all cores of this process)")
    options = parser.parse_args()
    out: pathlib.Path = options.output_dir
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in ("results.json", "times.csv", "profiles.txt", "ratios.png"):
            with (out / name).open("a"):
                pass
    except OSError as error:
        print(f"benchmarks: cannot write {out}: {error.strerror}", file=sys.stderr)
        return 1
    cores = sorted(os.sched_getaffinity(0))
    threads = len(cores) if options.threads is None else options.threads
    if not 1 <= threads <= len(cores):
        print(f"benchmarks: --threads is from 1 to {len(cores)}, got {threads}", file=sys.stderr)
        return 2
    # Before anything makes threads: XLA, BLAS and the runtime's workers all take their number from this.
    os.sched_setaffinity(0, cores[:threads])
    for variable in ("STEELYARD_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = str(threads)
    run(out, threads, rounds=7 if options.quick else 31, slice_seconds=0.03 if options.quick else 0.1)
    return 0


def run(out: pathlib.Path, threads: int, rounds: int, slice_seconds: float) -> None:
    from steelyard import _native  # type: ignore[attr-defined]
    from tqdm import tqdm
    from workloads import results

    from benchmarks import cases, timing

    load = os.getloadavg()[0]
    print(f"machine: {results.machine()}; threads of every contender: {threads}; load before the run: {load:.1f}")
    if load > 0.5:
        print("warning: the machine has other work to do; ratios of medians then say little, those of minima more")
    peak, bandwidth = timing.peak_flops(), timing.memory_bandwidth()
    print("versions:", ", ".join(f"{name} {version}" for name, version in results.versions().items()))
    all_cases = [make() for make in (cases.matmul, cases.digits_step, cases.convolution_step, cases.gpt_step)]
    print(f"BLAS of compiled code: {_native.blas_description()}")

    times: dict[str, dict[str, Times]] = {}
    with tqdm(total=len(all_cases) * rounds, desc="rounds", unit="round") as progress:
        for case in all_cases:
            for so_far in timing.alternate(case.contenders, rounds, slice_seconds):
                times[case.name] = so_far
                progress.update()
    # A floor below which some contender was measured would be none: the fastest of all that ran here sets the rate.
    peak, bandwidth = max(peak, timing.peak_flops()), max(bandwidth, timing.memory_bandwidth())
    peak = max(peak, *(case.flops / taken.minimum for case in all_cases for taken in times[case.name].values()))
    print(f"floor from the highest rates of this run: {peak / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.1f} GB/s (copy)")
    rows: list[dict[str, Any]] = []
    for case in all_cases:
        floors = {name: max(case.flops / peak, moved / bandwidth) for name, moved in case.bytes.items()}
        print(_table(case, times[case.name], floors))
        rows += _rows(case, times[case.name], floors)
    results.write(out / "results.json", rows)
    profiles = [
        f"{case.name}, {name}: {profile}"
        for case in all_cases
        for name, contender in case.contenders.items()
        if isinstance(contender, cases.Training) and (profile := contender.profile())
    ]
    (out / "profiles.txt").write_text("\n\n".join(profiles) + "\n")
    with (out / "times.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "contender", "round", "seconds a call"])
        for name, contenders in times.items():
            for contender, taken in contenders.items():
                writer.writerows([name, contender, index, value] for index, value in enumerate(taken.seconds))
    _plot(out / "ratios.png", times, threads)
    print(f"written to {out}: results.json, times.csv, profiles.txt, ratios.png")


def _ratios(times: dict[str, Times]) -> dict[str, tuple[float, float]]:
    """Speed against the peer, of minima and of medians; above 1 is faster than the peer."""
    from benchmarks.cases import PEER

    peer = times[PEER]
    return {
        name: (peer.minimum / taken.minimum, peer.median / taken.median) for name, taken in times.items() if name != PEER
    }


def _table(case: Case, times: dict[str, Times], floors: dict[str, float]) -> str:
    moved = " to ".join(f"{size / 1e6:.2f}" for size in sorted(set(case.bytes.values())))
    lines = [f"{case.name}: {case.flops / 1e6:.1f} MFLOP in contractions, {moved} MB of arguments and results"]
    lines.append(f"  {'':18s}{'min ms':>10s}{'median ms':>11s}{'floor ms':>10s}{'speed, min':>12s}{'speed, median':>15s}")
    ratios = _ratios(times)
    for name, taken in times.items():
        speed = f"{ratios[name][0]:>12.2f}{ratios[name][1]:>15.2f}" if name in ratios else ""
        floor = f"{floors[name] * 1e3:>10.3f}"
        target = f"  asked for: {case.targets[name]}" if name in case.targets else ""
        lines.append(f"  {name:18s}{taken.minimum * 1e3:>10.3f}{taken.median * 1e3:>11.3f}{floor}{speed}{target}")
    return "\n".join(lines)


def _rows(case: Case, times: dict[str, Times], floors: dict[str, float]) -> list[dict[str, Any]]:
    from workloads import results

    from benchmarks.cases import PEER

    rows = []
    for name, (of_minima, of_medians) in _ratios(times).items():
        key = f"{case.name}/{name}"
        peers = {PEER: times[PEER].seconds}
        rows.append(results.row(f"{key}/seconds", times[name].seconds, "s", "lower", peers, floor=floors[name]))
        target = case.targets.get(name)
        rows.append(results.row(f"{key}/speed_ratio_min", of_minima, "×", "higher", {PEER: 1.0}, target=target))
        rows.append(results.row(f"{key}/speed_ratio_median", of_medians, "×", "higher", {PEER: 1.0}, target=target))
    return rows


def _plot(path: pathlib.Path, times: dict[str, dict[str, Times]], threads: int) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(times), figsize=(5 * len(times), 3.5), layout="constrained")
    for panel, (name, contenders) in zip(axes, times.items(), strict=True):
        ratios = _ratios(contenders)
        position = range(len(ratios))
        panel.barh([p - 0.19 for p in position], [r[0] for r in ratios.values()], 0.36, color="#0072b2", label="of minima")
        panel.barh([p + 0.19 for p in position], [r[1] for r in ratios.values()], 0.36, color="#56b4e9", label="of medians")
        for index, ratio in enumerate(ratios.values()):
            for offset, value in ((-0.19, ratio[0]), (0.19, ratio[1])):
                panel.text(value, index + offset, f" {value:.2f}", va="center", fontsize=8)
        panel.axvline(1, color="#444444", lw=1)
        panel.set_yticks(list(position), list(ratios))
        panel.invert_yaxis()
        panel.set_xlim(0, 1.15 * max(1.0, *(value for ratio in ratios.values() for value in ratio)))
        panel.set(title=name, xlabel=f"speed against jax.jit float32, {threads} threads")
        panel.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, ncols=2, loc="outside lower center")
    figure.savefig(path, dpi=130)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
