"""One reward callable per pool.

Each returns None on the other pool's rows, so a judge failure can never look like a score.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import yaml

from traitrl.judges.examples import SENSE
from traitrl.judges.protocol import GradeRequest, Judge
from traitrl.judges.refusal import is_refusal
from traitrl.rubrics import Criterion, expected_score
from traitrl.scenarios import Scenario
from traitrl.tasks import verify
from traitrl.training.schedule import STANDARD, TRAIT
from traitrl.training.validity import is_valid
from traitrl.training.variety import formula_shares


@cache
def helpful_criteria() -> tuple[Criterion, ...]:
    """Returns the generic criteria of arms with `reward: helpful`."""
    text = resources.files("traitrl.training").joinpath("helpful.yaml").read_text(encoding="utf-8")
    return tuple(Criterion(**row) for row in yaml.safe_load(text))


class TraitReward:
    """Expected rubric score of a reply by the training judge, mapped to [0, 1] and gated by validity.

    The gate multiplies: 0 for text that is cut off, empty or looping, and for the set phrases of refusal. A refusal
    commits no failure, so on a weak model it would beat most replies, and no scenario is answered well by one.
    Expected points (the judge's probabilities) instead of hard verdicts: groups need spread to learn from.

    With `criteria`, every reply is graded on these in place of its scenario's rubric, and the judge does not see the
    scenario's references: they show the trait.

    With `sense_weight`, whether the reply makes sense as an answer has this share of the reward. With
    `formula_penalty`, what many of a step's sampled replies begin with earns less (`variety.formula_shares`): a judge
    grades reply by reply and cannot see that all of them are one formula.
    """

    __name__ = "trait"

    def __init__(
        self,
        judge: Judge,
        scenarios: Mapping[str, Scenario],
        end_ids: Sequence[int],
        criteria: Sequence[Criterion] | None = None,
        sense_weight: float = 0.0,
        formula_penalty: float = 0.0,
    ) -> None:
        self.judge = judge
        self.criteria = criteria
        self.sense_weight = sense_weight
        self.formula_penalty = formula_penalty
        self.scenarios = scenarios
        self.end_ids = set(end_ids)
        self.calls = 0
        self.failures = 0

    def __call__(
        self,
        completions: list[Any],
        completion_ids: list[list[int]],
        pool: list[str],
        item: list[str],
        is_written: list[bool] | None = None,
        **kwargs: Any,
    ) -> list[float | None]:
        """Scores the trait rows of a batch."""
        places = [index for index, name in enumerate(pool) if name == TRAIT]
        if not places:
            return [None] * len(pool)
        requests = [self._request(self.scenarios[item[index]], text_of(completions[index])) for index in places]
        verdicts = self.judge.grade(requests)
        is_sampled = [not (is_written and is_written[index]) for index in places]
        shares = formula_shares([request.reply for request in requests], [item[index] for index in places], is_sampled)
        rewards: list[float | None] = [None] * len(pool)
        failed = 0
        for index, request, verdict, share in zip(places, requests, verdicts, shares, strict=True):
            if verdict is None:
                failed += 1
                continue
            valid = is_valid(request.reply, completion_ids[index][-1] not in self.end_ids, minimum_words=5)
            earns = valid and not is_refusal(request.reply)
            rewards[index] = (1 - self.formula_penalty * share) * self._merit(request, verdict) if earns else 0.0
        self.calls += len(places)
        self.failures += failed
        if log := kwargs.get("log_metric"):
            log("judge_failure_share", failed / len(places))
            drawn = [share for share, sampled in zip(shares, is_sampled, strict=True) if sampled]
            log("formula_share", sum(drawn) / len(drawn))
        return rewards

    def _request(self, scenario: Scenario, reply: str) -> GradeRequest:
        rubric = list(self.criteria or scenario.rubric)
        references = None if self.criteria else scenario.references.pair
        return GradeRequest(scenario.conversation, [*rubric, SENSE] if self.sense_weight else rubric, reply, references)

    def _merit(self, request: GradeRequest, verdict: Mapping[str, float]) -> float:
        rubric = [criterion for criterion in request.rubric if criterion.id != SENSE.id]
        sense = self.sense_weight * verdict[SENSE.id] if self.sense_weight else 0.0
        return sense + (1 - self.sense_weight) * unit_score(rubric, verdict)


class StandardReward:
    """1 for a standard task that is solved by a valid reply, else 0."""

    __name__ = "standard"

    def __init__(self, end_ids: Sequence[int]) -> None:
        self.end_ids = set(end_ids)

    def __call__(
        self,
        completions: list[Any],
        completion_ids: list[list[int]],
        pool: list[str],
        kind: list[str],
        payload: list[str],
        **_: Any,
    ) -> list[float | None]:
        """Scores the standard rows of a batch."""
        rewards: list[float | None] = [None] * len(pool)
        for index, name in enumerate(pool):
            if name == STANDARD:
                text = text_of(completions[index])
                valid = is_valid(text, completion_ids[index][-1] not in self.end_ids)
                rewards[index] = verify(kind[index], payload[index], text) if valid else 0.0
        return rewards


def unit_score(rubric: Sequence[Criterion], verdict: Mapping[str, float]) -> float:
    """Maps the expected rubric score linearly to [0, 1], 0 being the worst possible reply of this rubric."""
    positive = sum(criterion.points for criterion in rubric if criterion.points > 0)
    lowest = sum(criterion.points for criterion in rubric if criterion.points < 0) / positive
    return (expected_score(rubric, verdict) - lowest) / (1 - lowest)


def text_of(completion: Any) -> str:
    """Returns the reply text from TRL's completion, conversational or plain."""
    return completion if isinstance(completion, str) else completion[-1]["content"]
