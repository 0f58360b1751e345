"""Figures that describe a scenario set as a whole."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from traitrl.catalog import domains, pressures, traits
from traitrl.scenarios.duplicates import NearDuplicate
from traitrl.scenarios.schema import Scenario, Split


class SetStatistics(BaseModel):
    """What `traitrl scenarios stats --json` prints."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n: int
    """Scenarios."""
    cells: int
    """Cells (trait x domain) that hold at least one."""
    min_per_cell: int
    """Scenarios in the emptiest of all cells."""
    multi_turn_share: float
    """Share of scenarios with an earlier assistant turn."""
    pressure_shares: dict[str, float]
    """Share of scenarios per kind of pressure; sums to 1."""
    criteria: int
    """Criteria over all rubrics."""
    negative_criteria_share: float
    """Share of criteria with negative points."""
    duplicate_criteria_share: float
    """Share of criteria whose text, case-folded, also stands in another scenario."""
    near_duplicates_across_splits: int
    """Pairs of near-duplicates that stand in different splits, by either method."""
    near_duplicate_methods: list[str]
    """How they were looked for: minhash, embedding."""
    length_auroc: float | None
    """How well the number of words alone tells the two reference replies apart, 0.5 to 1; None for an empty set."""
    bow_auroc: float | None
    """The same for a word-count classifier trained on the other domains; None with fewer than two domains."""
    splits: dict[str, int]
    """Scenarios per split."""
    split_shares: dict[str, float]
    """The same as shares; sums to 1."""


def repeated_criteria(scenarios: Sequence[Scenario]) -> dict[str, list[str]]:
    """Returns criterion text (case-folded) -> scenario ids, for every text that stands in several scenarios."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for scenario in scenarios:
        for text in {criterion_key(criterion.criterion) for criterion in scenario.rubric}:
            places[text].append(scenario.id)
    return {text: ids for text, ids in places.items() if len(ids) > 1}


def criterion_key(text: str) -> str:
    """Returns the text by which two criteria count as the same: case-folded, single spaces, no final full stop."""
    return " ".join(text.casefold().split()).rstrip(".")


def length_auroc(scenarios: Sequence[Scenario]) -> float | None:
    """Returns how well the number of words separates the two reference replies, whichever way: 0.5 to 1."""
    from sklearn.metrics import roc_auc_score

    if not scenarios:
        return None
    lengths = [len(reply.split()) for scenario in scenarios for reply in scenario.references.pair]
    value = float(roc_auc_score([1, 0] * len(scenarios), lengths))
    return max(value, 1 - value)


def bow_auroc(scenarios: Sequence[Scenario]) -> float | None:
    """Returns how well a bag-of-words classifier separates the two reference replies, one domain left out at a time.

    Word counts and a logistic regression with scikit-learn's defaults, trained on all other domains; the scores of all
    left-out domains are pooled. Reference replies that share a tell-tale vocabulary show here.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline

    present = sorted({scenario.domain for scenario in scenarios})
    if len(present) < 2:
        return None
    truth: list[int] = []
    scores: list[float] = []
    for domain in present:
        inside = [reply for one in scenarios if one.domain == domain for reply in one.references.pair]
        outside = [reply for one in scenarios if one.domain != domain for reply in one.references.pair]
        reader = make_pipeline(CountVectorizer(), LogisticRegression(max_iter=2000))
        reader.fit(outside, [1, 0] * (len(outside) // 2))
        scores += [float(value) for value in reader.decision_function(inside)]
        truth += [1, 0] * (len(inside) // 2)
    return float(roc_auc_score(truth, scores))


def set_statistics(
    scenarios: Sequence[Scenario], pairs: Sequence[NearDuplicate], methods: Sequence[str]
) -> SetStatistics:
    """Returns the figures of a set.

    Args:
        scenarios: The whole set.
        pairs: What `near_duplicates` found in it.
        methods: By which methods it looked.
    """
    n = len(scenarios)
    per_cell = Counter((scenario.trait, scenario.domain) for scenario in scenarios)
    per_pressure = Counter(scenario.pressure for scenario in scenarios)
    per_split = Counter(scenario.split.value for scenario in scenarios)
    repeated = repeated_criteria(scenarios)
    criteria = [criterion for scenario in scenarios for criterion in scenario.rubric]

    def share(count: int, whole: int = n) -> float:
        return round(count / whole, 4) if whole else 0.0

    return SetStatistics(
        n=n,
        cells=len(per_cell),
        min_per_cell=min(per_cell[trait, domain] for trait in traits() for domain in domains()),
        multi_turn_share=share(sum(len(scenario.messages) > 1 for scenario in scenarios)),
        pressure_shares={pressure: share(per_pressure[pressure]) for pressure in pressures()},
        criteria=len(criteria),
        negative_criteria_share=share(sum(criterion.points < 0 for criterion in criteria), len(criteria)),
        duplicate_criteria_share=share(
            sum(criterion_key(criterion.criterion) in repeated for criterion in criteria), len(criteria)
        ),
        near_duplicates_across_splits=len({(pair.first, pair.second) for pair in pairs}),
        near_duplicate_methods=list(methods),
        length_auroc=length_auroc(scenarios),
        bow_auroc=bow_auroc(scenarios),
        splits={split.value: per_split[split.value] for split in Split},
        split_shares={split.value: share(per_split[split.value]) for split in Split},
    )
