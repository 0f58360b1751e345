"""Reads the shipped scenarios, and asserts that the splits keep apart."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from traitrl.errors import TraitrlError
from traitrl.scenarios.schema import Scenario, Split


@cache
def load_scenarios(folder: str | None = None) -> tuple[Scenario, ...]:
    """Reads every scenario, sorted by id.

    Args:
        folder: Folder with `*.jsonl`; None takes those that ship with the package.

    Raises:
        TraitrlError: When a line is not a valid scenario, or an id occurs twice; names file and line.
    """
    found: dict[str, Scenario] = {}
    for item in read_folder(folder):
        if isinstance(item, TraitrlError):
            raise item
        found[item.id] = item
    return tuple(found[key] for key in sorted(found))


def read_folder(folder: str | None = None) -> Iterator[Scenario | TraitrlError]:
    """Yields every line as a scenario, or as the problem that keeps it from being one, in the order of the files.

    Args:
        folder: Folder with `*.jsonl`; None takes those that ship with the package.
    """
    source = Path(folder) if folder else Path(str(resources.files("traitrl.scenarios").joinpath("data")))
    seen: set[str] = set()
    empty = True
    for path in sorted(source.glob("*.jsonl")):
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            if not line.strip():
                continue
            empty = False
            try:
                scenario = Scenario(**json.loads(line))
            except (ValidationError, ValueError, TypeError) as problem:
                reason = problem.errors()[0]["msg"] if isinstance(problem, ValidationError) else str(problem)
                yield TraitrlError(
                    f"{path.name} line {number} is not a scenario: {reason}.",
                    "Mend the line; docs/how-to/write-scenarios.md shows the shape.",
                )
                continue
            if scenario.id in seen:
                yield TraitrlError(f"{scenario.id} occurs twice ({path.name} line {number}).", "Give it a new number.")
            else:
                seen.add(scenario.id)
                yield scenario
    if empty:
        yield TraitrlError(f"No scenarios in {source}.", "Give a folder that holds *.jsonl files.")


def select(
    scenarios: Iterable[Scenario],
    split: Split,
    traits: Sequence[str] | None = None,
    domains: Sequence[str] | None = None,
    exclude_domains: Sequence[str] = (),
    max_words: int | None = None,
) -> list[Scenario]:
    """Returns the scenarios of one split, optionally of some traits, domains and lengths only."""
    return [
        scenario
        for scenario in scenarios
        if scenario.split is split
        and (traits is None or scenario.trait in traits)
        and (domains is None or scenario.domain in domains)
        and scenario.domain not in exclude_domains
        and (max_words is None or scenario.words <= max_words)
    ]


def assert_only(scenarios: Iterable[Scenario], split: Split, stage: str) -> None:
    """Stops a stage that was handed scenarios of another split.

    Raises:
        TraitrlError: When any scenario is not of `split`.
    """
    strays = [scenario.id for scenario in scenarios if scenario.split is not split]
    if strays:
        raise TraitrlError(
            f"{stage} was given {len(strays)} scenarios outside {split} (first: {strays[0]}).",
            f"Pass only {split} scenarios: results on mixed splits mean nothing.",
        )
