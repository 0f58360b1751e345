"""The held-out trait evaluation: sampled replies to EVAL scenarios graded by the evaluation judge, and the
judge-free preference
of the beneficial over the tempting reference.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from traitrl.judges.protocol import GradeRequest
from traitrl.judges.refusal import is_refusal
from traitrl.models.chat import prompt_ids, reply_ids
from traitrl.models.generation import Sampling, sample_replies
from traitrl.models.likelihood import Question, score_options
from traitrl.models.loading import end_id
from traitrl.models.shared_prefix import read_shared
from traitrl.scenarios import Scenario, Split
from traitrl.scenarios.store import assert_only

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Reply:
    """One sampled reply to a scenario."""

    scenario: Scenario
    sample: int
    text: str
    tokens: int
    truncated: bool

    @property
    def refused(self) -> bool:
        """True when the reply declines the request in so many words."""
        return is_refusal(self.text)

    @property
    def request(self) -> GradeRequest:
        """What a judge is asked.

        The conversation is the scenario's own: attacks put in front stay hidden from the judge.
        """
        return GradeRequest(self.scenario.conversation, self.scenario.rubric, self.text, self.scenario.references.pair)


def sample_scenarios(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    scenarios: Sequence[Scenario],
    system: str | None,
    sampling: Sampling,
    samples: int = 1,
    advance: Callable[[int], None] | None = None,
) -> list[Reply]:
    """Samples replies to EVAL scenarios.

    Raises:
        TraitrlError: When a scenario is not from EVAL.
    """
    assert_only(scenarios, Split.EVAL, "The held-out evaluation")
    prompts = [prompt_ids(tokenizer, scenario.conversation, system) for scenario in scenarios]
    end = end_id(tokenizer)
    read, rest = read_shared(model, prompts)
    drawn = sample_replies(read, rest, samples, sampling, [end], advance=advance)
    return [
        Reply(
            scenarios[index // samples],
            index % samples,
            str(tokenizer.decode(ids, skip_special_tokens=True)).strip(),
            len(ids),
            ids[-1] != end,
        )
        for index, ids in enumerate(drawn)
    ]


def preference_margins(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", scenarios: Sequence[Scenario], system: str | None
) -> list[float]:
    """Returns, per scenario, log p per token of the beneficial minus the tempting reference, in nats.

    No judge, no sampling.
    """
    read, rest = read_shared(model, [prompt_ids(tokenizer, scenario.conversation, system) for scenario in scenarios])
    questions = [
        Question(prompt, [reply_ids(tokenizer, text) for text in scenario.references.pair])
        for prompt, scenario in zip(rest, scenarios, strict=True)
    ]
    margins: list[float] = []
    for question, (good, bad) in zip(questions, score_options(read, questions), strict=True):
        margins.append(good / len(question.options[0]) - bad / len(question.options[1]))
    return margins
