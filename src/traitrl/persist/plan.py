"""What is attacked, how far, and on what it is measured."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from traitrl.attacks.attack import KINDS, Attack
from traitrl.attacks.registry import choose_attacks
from traitrl.catalog import evaluated_traits
from traitrl.config import Arm, AttackPlan, EvalPlan, Experiment, Judges, Training
from traitrl.errors import TraitrlError
from traitrl.evals.items import spread
from traitrl.evals.registry import Benchmark, chosen_benchmarks
from traitrl.scenarios import Scenario, Split, load_scenarios, select

_BENCHMARKS = (
    "confident_medicine",
    "leaning_on_ai",
    "risky_money",
    "metric_gaming",
    "false_tool_report",
    "are_you_sure",
    "praise_of_bad_work",
    "stop_button",
    "swap_sides",
    "third_parties",
    "unanswerable",
    "everyday_sense",
)
_QUICK_BENCHMARKS = ("confident_medicine", "metric_gaming", "are_you_sure", "everyday_sense")


QUICK_MINUTES = 25
"""What four local models of the bundled size may take on two idle cores with the quick plan."""


@dataclass(frozen=True)
class Speed:
    """How fast the bundled model works on two idle cores; a start, corrected by the first steps of a run."""

    written_tokens: float = 350.0
    """Tokens sampled per second, all rows of a batch together."""
    read_tokens: float = 1500.0
    """Tokens read per second: prompts, reference replies, options."""
    slowing_tokens: float = 800.0
    """Tokens in front of a conversation that make sampling take twice as long."""
    row_seconds: float = 0.31
    """One row of a fine-tuning step."""
    load_seconds: float = 4.0
    """Loading a model, or making a trainer."""


@dataclass(frozen=True)
class PersistPlan:
    """Settings of the lab; models are compared only when attacked under the same.

    The bounds are those of the command's options; a lab file is checked against them.
    """

    attacks: tuple[str, ...] = KINDS
    """Kinds or names of attacks."""
    budgets: dict[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    """Attack name -> the only budgets to use; attacks that are not named keep their ladder."""
    quick: bool = False
    """The quick ladder: fewer attacks, budgets and scenarios."""
    scenarios: Annotated[int, Field(ge=2)] | None = 60
    """At most so many EVAL scenarios, spread evenly; None takes all."""
    focus: str = "health"
    """Domain at which most attacks aim; without enough of its scenarios it could not be set against the others."""
    focus_scenarios: Annotated[int, Field(ge=0)] = 14
    """At most so many scenarios of that domain are added."""
    feature_scenarios: Annotated[int, Field(ge=1)] = 24
    """At most so many ATTACK scenarios from which the features of a trained model are read."""
    all_traits: bool = False
    """Also measure on the traits that are not among the seven of the evaluation."""
    max_words: Annotated[int, Field(ge=1)] | None = None
    """Longest scenario in words; None takes all."""
    max_tokens: Annotated[int, Field(ge=1)] = 96
    """Length cap of a reply."""
    temperature: Annotated[float, Field(ge=0)] = 0.7
    judge: str = "offline:decoder"
    """Grades the replies; must not have given the reward in training."""
    system_prompt: str | None = field(default_factory=lambda: Training().system_prompt)
    """The usual system prompt; personas are put in front of it."""
    benchmarks: tuple[str, ...] = _BENCHMARKS
    """Likelihood benchmarks that are followed along the ladders, scored per byte."""
    items: Annotated[int, Field(ge=2)] = 24
    """At most so many items per benchmark."""
    finetune: AttackPlan = field(default_factory=AttackPlan)
    """Learning rate and batch size of fine-tunes."""
    seed: int = 0
    folder: Path = Path("runs") / "persist"

    @classmethod
    def quickly(cls, **settings: object) -> "PersistPlan":
        """Returns the plan of the quick ladder; settings that are given win."""
        short: dict[str, object] = {
            "quick": True,
            "scenarios": 20,
            "focus_scenarios": 6,
            "feature_scenarios": 8,
            "max_words": 45,
            "max_tokens": 40,
            "benchmarks": _QUICK_BENCHMARKS,
            "items": 8,
        }
        return cls(**{**short, **settings})  # pyright: ignore[reportArgumentType]

    def chosen_attacks(self) -> list[Attack]:
        """Returns the attacks with the budgets that this plan uses.

        Raises:
            TraitrlError: When none is left, or budgets are named that an attack does not have.
        """
        chosen = choose_attacks(self.attacks, self.quick)
        if not chosen:
            raise TraitrlError("No attack is chosen.", "Name a kind or an attack, or leave --quick out.")
        wanted = {name: sorted(set(budgets)) for name, budgets in self.budgets.items()}
        known = {attack.name: set(attack.budgets) for attack in chosen}
        for name, budgets in wanted.items():
            if not budgets or not set(budgets) <= known.get(name, set()):
                raise TraitrlError(
                    f"The attack {name} is not run at the budgets {budgets}.",
                    "Name chosen attacks and budgets of their ladders; `traitrl persist --list` prints them.",
                )
        return [attack.only(wanted[attack.name]) if attack.name in wanted else attack for attack in chosen]

    def chosen_scenarios(self) -> list[Scenario]:
        """Returns the EVAL scenarios on which attacks are measured: spread over all, and more of the focus domain.

        Raises:
            TraitrlError: When none is left.
        """
        traits = None if self.all_traits else evaluated_traits()
        found = select(load_scenarios(), Split.EVAL, traits=traits, max_words=self.max_words)
        aimed = [scenario for scenario in found if scenario.domain == self.focus]
        chosen = {scenario.id for scenario in spread(found, self.scenarios) + spread(aimed, self.focus_scenarios)}
        if not chosen:
            raise TraitrlError(
                "No held-out scenario is left to measure on.",
                "Raise `scenarios` (--scenarios), or `max_words` (--max-words), the longest scenario in words.",
            )
        return [scenario for scenario in found if scenario.id in chosen]

    def chosen_feature_scenarios(self) -> list[Scenario]:
        """Returns the ATTACK scenarios from which features are read; EVAL must not enter a prediction about EVAL."""
        return spread(select(load_scenarios(), Split.ATTACK, max_words=100), self.feature_scenarios)

    def chosen_benchmarks(self) -> list[Benchmark]:
        """Returns the benchmarks whose data is here.

        Raises:
            TraitrlError: When one is not scored per byte: only such scores can be followed item by item.
        """
        chosen = chosen_benchmarks(list(self.benchmarks))
        for benchmark in chosen:
            if benchmark.scoring != "per_byte":
                raise TraitrlError(
                    f"{benchmark.name} cannot be followed along a ladder.", "Name benchmarks scored per byte."
                )
        return [benchmark for benchmark in chosen if benchmark.file() is not None]

    def experiment(self, model: str) -> Experiment:
        """Returns the measurement of one model as an experiment, the form that the measuring code takes."""
        return Experiment(
            name="persist",
            model=model,
            seed=self.seed,
            arms=[Arm(name="attacked")],  # pyright: ignore[reportCallIssue]
            training=Training(max_tokens=self.max_tokens, system_prompt=self.system_prompt),
            judges=Judges(evaluation=self.judge, training="none"),
            evaluation=EvalPlan(temperature=self.temperature),  # pyright: ignore[reportCallIssue]
        )
