"""How long a lab run takes, from the tokens that it reads and writes; corrected by what the first steps really took."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from traitrl.attacks.attack import Change
from traitrl.judges.loading import OFFLINE
from traitrl.models.chat import Message
from traitrl.persist.plan import PersistPlan, Speed
from traitrl.scenarios import Scenario

_TOKENS_PER_WORD = 1.25
_TOKENS_PER_TURN = 5
_REPLY = 0.7
"""Usual length of a reply, as a share of its cap."""
_JUDGE_WORDS = 70
"""Words of a conversation that the offline judge reads at most."""
_JUDGE_WEIGHT = 0.4
"""Work of the offline judge per token, against the bundled model: it has 12 of its 30 layers."""
_FULL_PRECISION = 3.0
"""How much slower features are read than scored: in 32 bits, one text after the other."""


class Estimate:
    """Estimates the steps of a plan in seconds. Tokens are counted from words, so no model is needed."""

    def __init__(self, plan: PersistPlan, speed: Speed | None = None) -> None:
        self.plan = plan
        self.speed = speed or Speed()
        self.scenarios = plan.chosen_scenarios()
        self._benchmark_tokens = _benchmark_tokens(plan)

    def measurement(self, change: Change) -> float:
        """Returns the seconds of one measurement of a local model, without loading it."""
        plan = self.plan
        reply = _REPLY * plan.max_tokens
        front = _tokens([change.system or "", *(turn["content"] for turn in change.before)])
        front += _TOKENS_PER_TURN * len(change.before)
        usual = _tokens([plan.system_prompt or ""]) + 2 * _TOKENS_PER_TURN
        # What stands in front is read once for replies and references, and once for benchmarks.
        read, written = 2 * front, 0.0
        for scenario in self.scenarios:
            prompt = usual + _conversation_tokens(scenario.conversation)
            for push in (None, *change.after):
                if push is not None:
                    prompt += reply + _tokens([push]) + 2 * _TOKENS_PER_TURN
                read += 2 * prompt + _tokens(scenario.references.pair)
                read += self._judged(scenario, reply)
                written += reply * (1 + front / self.speed.slowing_tokens)
        if not change.after:
            read += self._benchmark_tokens
        return read / self.speed.read_tokens + written / self.speed.written_tokens

    def training(self, steps: int) -> float:
        """Returns the seconds of a fine-tune with all its doses."""
        return self.speed.load_seconds + steps * self.plan.finetune.finetune_batch * self.speed.row_seconds

    def features(self) -> float:
        """Returns the seconds of reading the features of one trained model."""
        texts = [
            2 * _conversation_tokens(scenario.conversation) + _tokens(scenario.references.pair)
            for scenario in self.plan.chosen_feature_scenarios()
        ]
        return 2 * self.speed.load_seconds + 2 * _FULL_PRECISION * sum(texts) / self.speed.read_tokens

    def replies(self, change: Change) -> int:
        """Returns how many replies a measurement asks for."""
        return len(self.scenarios) * (1 + len(change.after))

    def _judged(self, scenario: Scenario, reply: float) -> float:
        """Returns what judging one reply costs, as tokens read by the model; an API judge costs no time here."""
        if self.plan.judge not in OFFLINE:
            return 0.0
        context = min(_JUDGE_WORDS * _TOKENS_PER_WORD, _conversation_tokens(scenario.conversation))
        criteria = _tokens([row.criterion for row in scenario.rubric]) + 2 * _TOKENS_PER_TURN * len(scenario.rubric)
        return _JUDGE_WEIGHT * (context + reply + criteria)


@dataclass
class Pace:
    """Compares what steps took with what was expected, to say how long the rest will take."""

    expected: float = 0.0
    taken: float = 0.0

    def add(self, expected: float, taken: float) -> None:
        """Counts a step that is done."""
        self.expected += expected
        self.taken += taken

    def left(self, remaining: Iterable[float]) -> float:
        """Returns the seconds that the remaining steps will take, at the pace so far."""
        factor = self.taken / self.expected if self.expected > 0 else 1.0
        return factor * sum(remaining)


def duration(seconds: float) -> str:
    """Returns seconds in words: `about 40 s`, `about 12 min`."""
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"


def _benchmark_tokens(plan: PersistPlan) -> float:
    items = [item for benchmark in plan.chosen_benchmarks() for item in benchmark.items(plan.items) or ()]
    return sum(_conversation_tokens(item.messages) + _tokens(item.options) for item in items)


def _conversation_tokens(messages: Sequence[Message]) -> float:
    return _tokens([turn["content"] for turn in messages]) + _TOKENS_PER_TURN * (len(messages) + 1)


def _tokens(texts: Iterable[str]) -> float:
    return _TOKENS_PER_WORD * sum(len(text.split()) for text in texts)
