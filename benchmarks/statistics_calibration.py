"""Checks our own statistics by simulation: level of A/A comparisons, and power against prediction.

Run from the repository: python benchmarks/statistics_calibration.py [--comparisons 1000]
Writes a result with the date of today, and none that is there already.
"""

import argparse
import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from traitrl.analysis.paired import benjamini_hochberg
from traitrl.analysis.simulation import Noise, pilot, power_of, shipped_like_benchmarks, simulated_p_values

BENCHMARKS = 25
LEVEL = 0.05
RESULTS = Path(__file__).parents[1] / "docs" / "results"
NOISES = {"independent items": Noise(0.4, 0.0), "dependent within clusters": Noise(0.4, 0.3)}


def rate(hits: np.ndarray) -> dict[str, Any]:
    """Returns a rate with its exact 95 % binomial interval."""
    count, total = int(hits.sum()), hits.size
    interval = binomtest(count, total).proportion_ci()
    return {"rate": count / total, "low": interval.low, "high": interval.high, "n": total}


def level_figures(p_values: np.ndarray, kinds: np.ndarray) -> dict[str, Any]:
    """Returns false positive rates by kind of benchmark, the worst benchmark, and the family-wise rate after BH."""
    q_values = np.array([benjamini_hochberg(row.tolist()) for row in p_values])
    return {
        "all": rate(p_values <= LEVEL),
        "by_kind": {str(kind): rate(p_values[:, kinds == kind] <= LEVEL) for kind in np.unique(kinds)},
        "worst_benchmark": rate(p_values[:, (p_values <= LEVEL).mean(0).argmax()] <= LEVEL),
        "at_0.002": rate(p_values <= 0.002),
        "any_of_25_after_correction": rate((q_values <= LEVEL).any(1)),
    }


def calibrate(comparisons: int, seed: int) -> dict[str, Any]:
    """Runs all simulations."""
    suite = shipped_like_benchmarks(BENCHMARKS)
    kinds = np.array([benchmark.kind for benchmark in suite])
    null = [0.0] * BENCHMARKS
    found: dict[str, Any] = {"comparisons": comparisons, "benchmarks": BENCHMARKS, "seed": seed}
    found["shape"] = [
        {"kind": row.kind, "items": len(row.clusters), "clusters": int(row.clusters.max()) + 1} for row in suite
    ]
    found["false_positives"] = {
        name: level_figures(simulated_p_values(suite, noise, null, comparisons, seed), kinds)
        for name, noise in NOISES.items()
    }
    noise = NOISES["independent items"]
    plain = simulated_p_values(suite, noise, null, comparisons // 4, seed, plain_auroc=True)
    found["auroc_without_influence_scores"] = rate(plain[:, kinds == "auroc"] <= LEVEL)
    found["power"] = [power_figures(gain, comparisons, seed) for gain in (0.15, 0.3, 0.5)]
    return found


def power_figures(gain: float, comparisons: int, seed: int) -> dict[str, Any]:
    """Returns, for one planted gain in every benchmark, predicted and found power per benchmark."""
    suite, noise = shipped_like_benchmarks(BENCHMARKS), NOISES["dependent within clusters"]
    p_values = simulated_p_values(suite, noise, [gain] * BENCHMARKS, comparisons, seed + 1)
    rows: list[dict[str, Any]] = []
    for place, benchmark in enumerate(suite):
        known = pilot(benchmark, noise, gain, 4000, seed + 2)
        power = float((p_values[:, place] <= LEVEL).mean())
        rows.append(
            {"kind": benchmark.kind, "effect": known.effect, "predicted": power_of(benchmark, known), "found": power}
        )
    gaps = np.array([row["found"] - row["predicted"] for row in rows])
    return {
        "gain": gain,
        "mean_predicted": float(np.mean([row["predicted"] for row in rows])),
        "mean_found": float(np.mean([row["found"] for row in rows])),
        "largest_gap": float(np.abs(gaps).max()),
        "benchmarks": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / f"{date.today()}-statistics-calibration.json")
    options = parser.parse_args()
    if options.out.exists():
        parser.error(f"{options.out} is there already; name another file with --out.")
    begun = time.perf_counter()
    found = calibrate(options.comparisons, options.seed)
    found["seconds"] = round(time.perf_counter() - begun, 1)
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, figures in found["false_positives"].items():
        print(
            f"{name}: per benchmark {figures['all']['rate']:.4f} (worst {figures['worst_benchmark']['rate']:.4f}), "
            f"any of 25 after correction {figures['any_of_25_after_correction']['rate']:.4f}, by kind "
            + ", ".join(f"{kind} {row['rate']:.4f}" for kind, row in figures["by_kind"].items())
        )
    print(f"AUROC without influence scores: {found['auroc_without_influence_scores']['rate']:.3f}")
    for row in found["power"]:
        print(
            f"gain {row['gain']}: power predicted {row['mean_predicted']:.3f}, found {row['mean_found']:.3f}, "
            f"largest gap of a benchmark {row['largest_gap']:.3f}"
        )
    print(f"{found['seconds']} s, written to {options.out.name}")


if __name__ == "__main__":
    main()
