"""What the missing stages will cost, before anything is spent."""

import json
import math
from collections.abc import Sequence
from statistics import mean

from pydantic import BaseModel, ConfigDict

from traitrl.scenarios.generation.answers import STAGES, Draft
from traitrl.scenarios.generation.plan import GenerationPlan, briefs
from traitrl.scenarios.generation.prompts import prompt_text, render_stage
from traitrl.scenarios.generation.state import Lines, as_draft, rejection
from traitrl.scenarios.schema import Scenario

Prices = tuple[float, float]
"""Money per million tokens in and out."""
CHARACTERS_PER_TOKEN = 4.0
"""The usual rule for English text."""
_ENOUGH_MEASURED = 5
"""From so many finished answers of a stage on, their mean length replaces the guess."""


class StageEstimate(BaseModel):
    """Calls and tokens of one stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: str
    calls: int
    input_tokens: int
    output_tokens: int


class Estimate(BaseModel):
    """The sum over the stages, as guessed and at most."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stages: list[StageEstimate]
    calls: int
    input_tokens: int
    output_tokens: int
    most_input_tokens: int
    most_output_tokens: int
    """Every answer reaches the limit and is asked for twice."""
    cost: float | None
    """In the currency of the prices; None without prices."""
    most_cost: float | None


def estimate(
    plan: GenerationPlan,
    lines: Lines,
    taken: Sequence[str],
    shipped: Sequence[Scenario],
    prices: Prices | None = None,
) -> Estimate:
    """Estimates the calls that are still missing.

    Prompts are rendered and measured; answers that do not exist yet count as long as those of a shipped scenario of
    median length, or as the mean of the answers so far. Reasoning tokens show only in the latter.

    Args:
        plan: What is to be written.
        lines: What is finished.
        taken: Situations that exist in the cell.
        shipped: Scenarios to take typical lengths from.
        prices: Money per million tokens in and out.
    """
    typical = _typical(plan, shipped)
    system = len(prompt_text("system"))
    sizes: dict[str, list[int]] = {stage: [] for stage in STAGES}
    thought: list[str] = list(taken)
    for brief in briefs(plan):
        stages = lines.get(brief.number, {})
        draft: Draft = {**typical, **as_draft(stages)}
        if not rejection(stages):
            for stage in STAGES:
                if stage not in stages:
                    sizes[stage].append(system + len(render_stage(stage, brief, draft, thought)))
        thought.append(draft["situation"]["premise"])
    rows = [
        StageEstimate(
            stage=stage,
            calls=len(found),
            input_tokens=math.ceil(sum(found) / CHARACTERS_PER_TOKEN),
            output_tokens=math.ceil(len(found) * _answer_tokens(stage, typical, lines)),
        )
        for stage, found in sizes.items()
    ]
    calls = sum(row.calls for row in rows)
    tokens = sum(row.input_tokens for row in rows), sum(row.output_tokens for row in rows)
    most = 2 * tokens[0] + calls * plan.max_tokens, 2 * calls * plan.max_tokens
    return Estimate(
        stages=rows,
        calls=calls,
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        most_input_tokens=most[0],
        most_output_tokens=most[1],
        cost=money(*tokens, prices),
        most_cost=money(*most, prices),
    )


def money(input_tokens: int, output_tokens: int, prices: Prices | None) -> float | None:
    """Returns what tokens cost at prices per million, or None without prices."""
    return None if prices is None else round((input_tokens * prices[0] + output_tokens * prices[1]) / 1e6, 4)


def estimate_text(found: Estimate) -> str:
    """Returns the estimate as a table."""
    rows = [f"{'stage':<14}{'calls':>8}{'tokens in':>12}{'tokens out':>12}"]
    for row in found.stages:
        rows.append(f"{row.stage:<14}{row.calls:>8,}{row.input_tokens:>12,}{row.output_tokens:>12,}")
    rows.append(f"{'total':<14}{found.calls:>8,}{found.input_tokens:>12,}{found.output_tokens:>12,}")
    rows.append(
        f"At most {found.most_input_tokens:,} in and {found.most_output_tokens:,} out, if every answer reaches "
        "--max-tokens and is asked for twice. Reasoning tokens count as tokens out and are not foreseen."
    )
    if found.cost is None:
        rows.append("With --price-in and --price-out (per million tokens) this would be money.")
    else:
        rows.append(f"Cost: {found.cost:,.4f}, at most {found.most_cost:,.4f}, in the currency of the prices.")
    return "\n".join(rows)


def _typical(plan: GenerationPlan, shipped: Sequence[Scenario]) -> Draft:
    """Returns the answers that a shipped scenario of median length would have been."""
    pool = sorted((one for one in shipped if one.trait == plan.trait), key=lambda one: one.words)
    model = pool[len(pool) // 2]
    beneficial, tempting = model.references.pair
    story = model.messages[0].content
    return {
        "situation": {"premise": story, "right": beneficial, "temptation": tempting},
        "conversation": {"messages": model.conversation},
        "rubric": {"rubric": [one.model_dump(exclude={"id"}) for one in model.rubric]},
        "references": {"beneficial": beneficial, "tempting": tempting},
        "critique": {
            "comment": story,
            **dict.fromkeys(("realistic", "hard", "tests_trait", "specific", "harmless"), True),
            "reply_1_met": ["c1", "c2"],
            "reply_2_met": ["c3"],
        },
    }


def _answer_tokens(stage: str, typical: Draft, lines: Lines) -> float:
    measured = [found[stage].output_tokens for found in lines.values() if stage in found]
    if len(measured) >= _ENOUGH_MEASURED:
        return mean(measured)
    return len(json.dumps(typical[stage], ensure_ascii=False)) / CHARACTERS_PER_TOKEN
