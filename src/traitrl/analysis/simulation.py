"""Simulated comparisons of two models, to check that the statistics hold their level and find what they promise.

A model's margin on an item is the item's own difficulty, shared by both models, plus noise of the model, part of
which is common to the items of a cluster. Two trainings that differ only in the seed look like this.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from traitrl.analysis.auroc import influence_scores
from traitrl.analysis.clusters import cluster_mean
from traitrl.analysis.paired import paired_difference
from traitrl.analysis.power import expected_error, predicted_power

Kind = Literal["choice", "continuous", "auroc"]


@dataclass(frozen=True)
class SimulatedBenchmark:
    """The shape of one benchmark.

    `difficulty` shifts all margins: 0 gives a choice benchmark near half, positive an easier one.
    """

    kind: Kind
    clusters: np.ndarray
    difficulty: float


def shipped_like_benchmarks(count: int, seed: int = 0) -> list[SimulatedBenchmark]:
    """Returns benchmarks like those in use: 44 to 60 items, a third with independent items and the others with 5 to 20
    clusters of unequal size, three in five scored by choice, one in five each by AUROC and on a continuous scale.
    """
    generator = np.random.default_rng(seed)
    kinds: tuple[Kind, ...] = ("choice", "choice", "choice", "continuous", "auroc")
    found: list[SimulatedBenchmark] = []
    for number in range(count):
        items = int(generator.integers(44, 61))
        if number % 3 == 0:
            clusters = np.arange(items)
        else:
            groups = int(generator.integers(5, 21))
            shares = generator.dirichlet(np.full(groups, 5.0))
            clusters = np.sort(np.concatenate([np.arange(groups), generator.choice(groups, items - groups, p=shares)]))
        found.append(SimulatedBenchmark(kinds[number % 5], clusters, float(generator.uniform(-0.8, 0.8))))
    return found


@dataclass(frozen=True)
class Noise:
    """Standard deviations of a model's own noise, in units of the spread of item difficulty."""

    item: float = 0.4
    cluster: float = 0.0


def simulated_scores(
    benchmark: SimulatedBenchmark, noise: Noise, gain: float, generator: np.random.Generator, plain_auroc: bool = False
) -> np.ndarray:
    """Draws the item scores of a baseline and another model.

    Args:
        benchmark: Its shape.
        noise: How much the models differ by chance.
        gain: Shift of the other model's margins; 0 is an A/A comparison.
        generator: Source of randomness.
        plain_auroc: Leave placement values as they are, to show what that costs.

    Returns:
        Scores of shape (2, items).
    """
    items, clusters = len(benchmark.clusters), int(benchmark.clusters.max()) + 1
    shared = generator.normal(0, 1, items)
    answers = np.arange(items) % 2
    scores: list[np.ndarray] = []
    for shift in (0.0, gain):
        margin = shared + benchmark.difficulty + shift
        margin += noise.item * generator.normal(0, 1, items)
        margin += noise.cluster * generator.normal(0, 1, clusters)[benchmark.clusters]
        if benchmark.kind == "choice":
            scores.append((margin > 0).astype(float))
        elif benchmark.kind == "continuous":
            scores.append(margin)
        else:
            placements = _placements(margin, answers)
            scores.append(
                np.asarray(placements if plain_auroc else influence_scores(placements.tolist(), answers.tolist()))
            )
    return np.array(scores)


def _placements(margin: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Returns placement values where `margin` favours the right answer, as log-odds for option 0 would."""
    odds = np.where(answers == 0, margin, -margin)
    wins = odds[:, None] > odds[None, :]
    return np.where(answers == 0, wins[:, answers == 1].mean(1), 1 - wins[:, answers == 0].mean(1))


def simulated_p_values(
    suite: list[SimulatedBenchmark], noise: Noise, gains: list[float], comparisons: int, seed: int, **options: bool
) -> np.ndarray:
    """Compares two simulated models on a suite, many times.

    Returns:
        p values of shape (comparisons, benchmarks).
    """
    generator = np.random.default_rng(seed)
    names = [benchmark.clusters.astype(str).tolist() for benchmark in suite]
    found = np.empty((comparisons, len(suite)))
    for round_number in range(comparisons):
        for place, (benchmark, gain) in enumerate(zip(suite, gains, strict=True)):
            baseline, other = simulated_scores(benchmark, noise, gain, generator, **options)
            found[round_number, place] = paired_difference((other - baseline).tolist(), names[place]).p
    return found


@dataclass(frozen=True)
class Pilot:
    """What a power calculation needs to know of a benchmark: true effect, spread and intraclass correlation."""

    effect: float
    spread: float
    intraclass: float


def pilot(benchmark: SimulatedBenchmark, noise: Noise, gain: float, draws: int, seed: int) -> Pilot:
    """Measures effect, spread and intraclass correlation of the item differences over many draws."""
    generator = np.random.default_rng(seed)
    drawn = [simulated_scores(benchmark, noise, gain, generator) for _ in range(draws)]
    differences = np.array([other - baseline for baseline, other in drawn])
    effect = float(differences.mean())
    centred = differences - effect
    variance = float((centred**2).mean())
    sums = np.stack([centred[:, benchmark.clusters == code].sum(1) for code in np.unique(benchmark.clusters)], axis=1)
    sizes = np.bincount(benchmark.clusters)
    pairs = float((sizes * (sizes - 1)).sum())
    products = float((sums**2).sum(1).mean() - (centred**2).sum(1).mean())
    return Pilot(effect, variance**0.5, products / pairs / variance if pairs else 0.0)


def power_of(benchmark: SimulatedBenchmark, known: Pilot, level: float = 0.05) -> float:
    """Predicts the power of a paired comparison on a benchmark from its shape and a pilot."""
    names = benchmark.clusters.astype(str).tolist()
    freedom = cluster_mean([0.0] * len(names), names).freedom
    error = expected_error(known.spread, np.bincount(benchmark.clusters).tolist(), known.intraclass)
    return predicted_power(known.effect, error, freedom, level)
