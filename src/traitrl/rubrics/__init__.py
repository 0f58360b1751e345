"""Criteria and the rule that turns met criteria into a score."""

from traitrl.rubrics.criterion import Criterion
from traitrl.rubrics.scoring import expected_score, rubric_score

__all__ = ["Criterion", "expected_score", "rubric_score"]
