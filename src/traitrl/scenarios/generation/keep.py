"""What is kept: accepted scenarios in the output, rejects with their reason beside it."""

import json
from collections.abc import Sequence
from typing import Any

from traitrl.errors import TraitrlError
from traitrl.jsonl import write_rows
from traitrl.scenarios.duplicates import Embed
from traitrl.scenarios.generation.filter import build_scenario, objection
from traitrl.scenarios.generation.neighbours import Neighbours
from traitrl.scenarios.generation.plan import Brief, GenerationPlan
from traitrl.scenarios.generation.state import (
    FILTER,
    Line,
    Lines,
    append_line,
    as_draft,
    next_stage,
    rejection,
    writing,
)
from traitrl.scenarios.schema import Scenario
from traitrl.scenarios.store import load_scenarios, read_folder


def existing(plan: GenerationPlan) -> list[Scenario]:
    """Returns the shipped scenarios and those in the folder of the output; lines that are none are left out."""
    found = {scenario.id: scenario for scenario in load_scenarios()}
    if plan.out.parent.is_dir():
        for item in read_folder(str(plan.out.parent)):
            if not isinstance(item, TraitrlError):
                found[item.id] = item
    return list(found.values())


def filter_drafts(plan: GenerationPlan, wanted: Sequence[Brief], lines: Lines, embed: Embed | None) -> None:
    """Decides on every draft that is through the critique; scenarios go to the output, verdicts into the state.

    Args:
        plan: What is to be written.
        wanted: The drafts, in the order in which they get numbers.
        lines: What is finished; grows by one line per decision.
        embed: Sentence encoder for near-duplicates; None looks at word shingles only.
    """
    ready = [brief for brief in wanted if next_stage(lines.get(brief.number, {})) == FILTER]
    if not ready:
        return
    known = existing(plan)
    neighbours = Neighbours(known, embed)
    cell = [one for one in known if (one.trait, one.domain) == (plan.trait, plan.domain)]
    number = max((int(one.id.rsplit(".", 1)[1]) for one in cell), default=0) + 1
    # A kill between the two files leaves a scenario in the output that its state does not know.
    kept = {_content(scenario): scenario.id for scenario in cell}
    for brief in ready:
        draft = as_draft(lines[brief.number])
        accepted = reason = None
        try:
            scenario = build_scenario(draft, brief, number, plan.model)
        except ValueError as problem:
            reason = f"schema: {problem}"
        else:
            accepted = kept.get(_content(scenario))
            reason = None if accepted else objection(scenario, brief, draft, known, neighbours)
            if not accepted and not reason:
                _append_scenario(plan, scenario)
                known.append(scenario)
                neighbours.add(scenario)
                accepted = scenario.id
                number += 1
        line = Line(draft=brief.number, stage=FILTER, value={"id": accepted} if accepted else None, reject=reason)
        append_line(plan, line)
        lines[brief.number][FILTER] = line


def write_rejects(plan: GenerationPlan, lines: Lines) -> None:
    """Writes all rejected drafts with their stage, their reason and every text that they have."""
    rows: list[dict[str, Any]] = []
    for number in sorted(lines):
        if end := rejection(lines[number]):
            answer = {"answer": end.answer} if end.answer is not None else {}
            rows.append(
                {"draft": number, "stage": end.stage, "reason": end.reject, **answer, **as_draft(lines[number])}
            )
    if rows:
        with writing(plan.rejects):
            write_rows(rows, plan.rejects)


def _content(scenario: Scenario) -> str:
    return scenario.model_dump_json(exclude={"id", "split"})


def _append_scenario(plan: GenerationPlan, scenario: Scenario) -> None:
    """Adds a line to the output in one step; what stands there already stays byte for byte."""
    row = json.dumps(scenario.model_dump(mode="json"), ensure_ascii=False)
    partial = plan.out.with_name(plan.out.name + ".partial")
    with writing(plan.out):
        before = plan.out.read_bytes() if plan.out.exists() else b""
        if before and not before.endswith(b"\n"):
            before += b"\n"
        partial.write_bytes(before + row.encode() + b"\n")
        partial.replace(plan.out)
