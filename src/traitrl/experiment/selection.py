"""Which scenarios a run is measured on, and whether there is anything to measure."""

from traitrl.catalog import evaluated_traits
from traitrl.config import EvalPlan, Experiment
from traitrl.errors import TraitrlError
from traitrl.evals.items import spread
from traitrl.evals.registry import chosen_benchmarks
from traitrl.scenarios import Scenario, Split, load_scenarios, select


def held_out_scenarios(max_words: int | None = None) -> list[Scenario]:
    """Returns the EVAL scenarios of the evaluated traits, up to a length."""
    return select(load_scenarios(), Split.EVAL, traits=evaluated_traits(), max_words=max_words)


def clean_scenarios(plan: EvalPlan) -> list[Scenario]:
    """Returns the held-out scenarios that are answered without attack, spread evenly when limited."""
    return spread(held_out_scenarios(plan.max_words), plan.held_out_scenarios)


def attacked_scenarios(experiment: Experiment) -> list[Scenario]:
    """Returns the scenarios that are answered under attack: some of the clean ones, or nothing could be paired."""
    return spread(clean_scenarios(experiment.evaluation), experiment.attacks.scenarios)


def assert_measurable(experiment: Experiment) -> None:
    """Refuses, before anything is trained, what could not be measured afterwards.

    Raises:
        TraitrlError: When a benchmark needs sampled replies, or no held-out scenario is short enough.
    """
    generated = [row.name for row in chosen_benchmarks(experiment.evaluation.benchmarks) if row.is_generated]
    if generated:
        raise TraitrlError(
            f"A run scores benchmarks by likelihood; these are scored on generated replies: {', '.join(generated)}.",
            "Take them out of evaluation.benchmarks; `traitrl score` and `traitrl compare` can measure them.",
        )
    if not clean_scenarios(experiment.evaluation):
        raise TraitrlError(
            f"No EVAL scenario has at most {experiment.evaluation.max_words} words, so nothing could be measured.",
            "Raise evaluation.max_words.",
        )
