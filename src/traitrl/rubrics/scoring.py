"""Score of a reply: points of criteria met over the sum of positive points (the HealthBench rule).

Source: Arora et al. 2025, arXiv 2505.08775. A score may be negative, and nothing is clipped (decision 0004).
"""

from collections.abc import Mapping, Sequence

from traitrl.rubrics.criterion import Criterion


def rubric_score(rubric: Sequence[Criterion], met: Mapping[str, bool]) -> float:
    """Returns the score of one reply from hard verdicts, at most 1, possibly negative."""
    return expected_score(rubric, {key: float(value) for key, value in met.items()})


def expected_score(rubric: Sequence[Criterion], probabilities: Mapping[str, float]) -> float:
    """Returns the expected score of one reply.

    Args:
        rubric: The scenario's criteria.
        probabilities: For each criterion id, the judge's probability that it is met.

    Raises:
        KeyError: When the judge left a criterion out.
    """
    positive = sum(criterion.points for criterion in rubric if criterion.points > 0)
    return sum(criterion.points * probabilities[criterion.id] for criterion in rubric) / positive
