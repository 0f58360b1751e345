"""traitrl scenarios."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traitrl.scenarios.export import Format
from traitrl.scenarios.schema import Split

if TYPE_CHECKING:
    from traitrl.scenarios import Scenario
    from traitrl.scenarios.duplicates import NearDuplicate

app = typer.Typer(help="The scenario set.", no_args_is_help=True)

Folder = Annotated[Path | None, typer.Option(help="Folder with *.jsonl files; default: those of the package.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable.")]
Embeddings = Annotated[
    bool, typer.Option(help="Also look for near-duplicates by sentence embeddings; about a minute for the whole set.")
]


def _load(folder: Path | None) -> "tuple[Scenario, ...]":
    from traitrl.scenarios import load_scenarios

    return load_scenarios(None if folder is None else str(folder))


def _duplicates(scenarios: "tuple[Scenario, ...]", embeddings: bool) -> "tuple[list[NearDuplicate], list[str]]":
    from traitrl.scenarios.duplicates import near_duplicates

    if not embeddings:
        return near_duplicates(scenarios), ["minhash"]
    from traitrl.judges.trivial import embed

    typer.echo(f"Comparing {len(scenarios)} conversations; --no-embeddings leaves this out.", err=True)
    return near_duplicates(scenarios, embed), ["minhash", "embedding"]


@app.command("list")
def list_scenarios(
    trait: Annotated[str | None, typer.Option(help="Only this trait.")] = None,
    domain: Annotated[str | None, typer.Option(help="Only this domain.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Whole scenarios, one JSON line each.")] = False,
) -> None:
    """List scenarios.

    Example: traitrl scenarios list --trait corrigibility --domain health
    """
    for scenario in _load(None):
        if (trait and scenario.trait != trait) or (domain and scenario.domain != domain):
            continue
        typer.echo(
            scenario.model_dump_json() if as_json else f"{scenario.id:<46} {scenario.split:<7} {scenario.pressure}"
        )


@app.command()
def show(scenario_id: Annotated[str, typer.Argument(help="For example truthfulness.health.1")]) -> None:
    """Print one scenario in full.

    Example: traitrl scenarios show truthfulness.health.1
    """
    from traitrl.errors import TraitrlError

    for scenario in _load(None):
        if scenario.id == scenario_id:
            typer.echo(json.dumps(scenario.model_dump(), indent=1, ensure_ascii=False))
            return
    raise TraitrlError(f"There is no scenario {scenario_id}.", "`traitrl scenarios list` prints all ids.")


@app.command()
def validate(
    folder: Folder = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out the rules that only a whole set can meet: size, cells, shares.")
    ] = False,
    embeddings: Embeddings = True,
    as_json: Json = False,
) -> None:
    """Check scenarios against the rules of docs/how-to/write-scenarios.md; exit code 1 when one is broken.

    Example: traitrl scenarios validate

    Example: traitrl scenarios validate --folder ./mine --partial --json
    """
    from traitrl.errors import TraitrlError
    from traitrl.scenarios.quality import reading_findings, scenario_findings, set_findings
    from traitrl.scenarios.statistics import set_statistics
    from traitrl.scenarios.store import read_folder

    items = list(read_folder(None if folder is None else str(folder)))
    problems = [item for item in items if isinstance(item, TraitrlError)]
    scenarios = tuple(item for item in items if not isinstance(item, TraitrlError))
    pairs, methods = _duplicates(scenarios, embeddings)
    findings = reading_findings(problems) + scenario_findings(scenarios, pairs)
    if not partial:
        findings += set_findings(set_statistics(scenarios, pairs, methods))
    broken = sum(finding.level == "violation" for finding in findings)
    if as_json:
        rows = [finding.model_dump() for finding in findings]
        report = {"valid": broken == 0, "n": len(scenarios), "violations": broken, "findings": rows}
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        for finding in findings:
            place = f"{finding.scenario}: " if finding.scenario else ""
            typer.echo(f"{finding.level:<9} {place}{finding.problem} {finding.remedy}")
        typer.echo(f"{len(scenarios)} scenarios, {broken} violations, {len(findings) - broken} notices")
    if broken:
        raise typer.Exit(1)


@app.command()
def stats(folder: Folder = None, embeddings: Embeddings = True, as_json: Json = False) -> None:
    """Print the figures that describe the set: counts, shares, duplicates, and what gives the references away.

    Example: traitrl scenarios stats --json
    """
    from traitrl.scenarios.statistics import set_statistics

    scenarios = _load(folder)
    figures = set_statistics(scenarios, *_duplicates(scenarios, embeddings)).model_dump()
    if as_json:
        typer.echo(json.dumps(figures))
        return
    for name, value in figures.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {part}" for key, part in value.items())
        elif isinstance(value, list):
            value = ", ".join(value)
        typer.echo(f"{name:<30} {round(value, 4) if isinstance(value, float) else value}")


@app.command()
def export(
    style: Annotated[Format, typer.Option("--format", help="The tool that will read it.")],
    out: Annotated[Path, typer.Option(help="New file; for hf a new folder. TRL and verl get parquet.")],
    split: Annotated[
        list[Split] | None,
        typer.Option(case_sensitive=False, help="Only these; default: TRAIN for trl, verl, verifiers, else all."),
    ] = None,
    trait: Annotated[list[str] | None, typer.Option(help="Only these traits.")] = None,
    domain: Annotated[list[str] | None, typer.Option(help="Only these domains.")] = None,
    folder: Folder = None,
) -> None:
    """Write scenarios in the format of another tool.

    Example: traitrl scenarios export --format verl --out train.parquet

    Example: traitrl scenarios export --format inspect --split eval --domain health --out health.jsonl
    """
    from traitrl.scenarios.export import FOR_TRAINING, choose
    from traitrl.scenarios.export import export as write

    splits = split or ([Split.TRAIN] if style in FOR_TRAINING else [])
    chosen = choose(_load(folder), splits, trait or [], domain or [])
    write(chosen, style, out)
    typer.echo(f"{len(chosen)} scenarios: {out}")
