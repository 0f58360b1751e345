"""Goes from a plan to scenarios and rejects, and says what it did."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from traitrl.scenarios.duplicates import Embed
from traitrl.scenarios.generation.author import Author, Spent
from traitrl.scenarios.generation.draft import write_drafts
from traitrl.scenarios.generation.estimate import Estimate, Prices, estimate, money
from traitrl.scenarios.generation.keep import existing, filter_drafts, write_rejects
from traitrl.scenarios.generation.plan import GenerationPlan, briefs
from traitrl.scenarios.generation.state import (
    FILTER,
    Line,
    Lines,
    append_line,
    locked,
    next_stage,
    read_state,
    rejection,
)
from traitrl.scenarios.schema import Scenario
from traitrl.scenarios.store import load_scenarios

_WORDS_OF_A_SITUATION = 40


class GenerationSummary(BaseModel):
    """What a command did."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requested: int
    accepted: list[str]
    """Ids, from this and earlier runs."""
    rejected: dict[str, int]
    """How many drafts per stage and reason, without its details; from this and earlier runs."""
    failed: dict[str, int]
    """How many drafts wait for another run, per cause."""
    calls: int
    """Answers that came in this run."""
    input_tokens: int
    output_tokens: int
    cost: float | None
    """Of this run, in the currency of the prices; None without prices."""
    out: Path
    rejects: Path
    state: Path


def foresee(plan: GenerationPlan, prices: Prices | None = None) -> Estimate:
    """Returns what the missing stages will cost.

    Raises:
        TraitrlError: When the output or its state belong to something else.
    """
    lines = read_state(plan)
    return estimate(plan, lines, _taken(plan, lines, existing(plan)), load_scenarios(), prices)


def generate(plan: GenerationPlan, embed: Embed | None = None, prices: Prices | None = None) -> GenerationSummary:
    """Goes on where the state file ends: missing stages, filter, files.

    Args:
        plan: What is to be written.
        embed: Sentence encoder for near-duplicates; None looks at word shingles only.
        prices: Money per million tokens in and out.

    Raises:
        TraitrlError: When the model, the output or the state cannot be used.
    """
    wanted = briefs(plan)
    spent = Spent()
    failed: Counter[str] = Counter()
    with locked(plan):
        lines = read_state(plan)
        if any(next_stage(lines.get(brief.number, {})) not in (None, FILTER) for brief in wanted):
            author = Author(plan)
            spent = author.spent
            taken = _taken(plan, lines, existing(plan))
            failed = write_drafts(wanted, lines, taken, author, lambda line: append_line(plan, line))
        filter_drafts(plan, wanted, lines, embed)
        write_rejects(plan, lines)
    ours = [lines.get(brief.number, {}) for brief in wanted]
    ends = [end for stages in ours if (end := rejection(stages))]
    return GenerationSummary(
        requested=plan.n,
        accepted=[found for stages in ours if (found := _scenario_id(stages))],
        rejected=dict(Counter(f"{end.stage}: {_kind(end.reject or '')}" for end in ends).most_common()),
        failed=dict(failed.most_common()),
        **vars(spent),
        cost=money(spent.input_tokens, spent.output_tokens, prices),
        out=plan.out,
        rejects=plan.rejects,
        state=plan.state,
    )


def summary_text(done: GenerationSummary) -> str:
    """Returns what a command did, for people."""
    money_spent = "" if done.cost is None else f", {done.cost:,.4f} in the currency of the prices"
    rows = [
        f"{len(done.accepted)} of {done.requested} drafts became scenarios: {', '.join(done.accepted) or 'none'}",
        *(f"rejected {count:>4}  {reason}" for reason, count in done.rejected.items()),
        *(f"failed   {count:>4}  {cause}" for cause, count in done.failed.items()),
        f"This run: {done.calls} calls, {done.input_tokens:,} tokens in, {done.output_tokens:,} out{money_spent}",
    ]
    if done.accepted:
        rows.append(f"Scenarios: {done.out}")
    if done.rejected:
        rows.append(f"Rejects: {done.rejects}")
    if done.failed:
        rows.append("Run the same command again to go on; nothing is paid for twice.")
    return "\n".join(rows)


def _scenario_id(stages: dict[str, Line]) -> str | None:
    value = stages[FILTER].value if FILTER in stages else None
    return str(value["id"]) if value and "id" in value else None


def _kind(reason: str) -> str:
    """Returns a reason without its details."""
    if reason.startswith("critique: "):
        return reason.split(" (")[0].split(" meets ")[0]
    return reason.split(":")[0].split(" (")[0]


def _taken(plan: GenerationPlan, lines: Lines, known: Sequence[Scenario]) -> list[str]:
    """Returns the situations of the cell, except for those that the drafts have in their own words."""
    written = {_scenario_id(stages) for stages in lines.values()}
    return [
        " ".join(scenario.messages[-1].content.split()[:_WORDS_OF_A_SITUATION])
        for scenario in known
        if (scenario.trait, scenario.domain) == (plan.trait, plan.domain) and scenario.id not in written
    ]
