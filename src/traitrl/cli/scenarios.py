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


def _duplicates(
    scenarios: "tuple[Scenario, ...]", embeddings: bool, beside: "tuple[Scenario, ...]" = ()
) -> "tuple[list[NearDuplicate], list[str]]":
    """Returns the near-duplicates across splits, also those with a scenario that stands `beside` the set."""
    from traitrl.scenarios.duplicates import near_duplicates

    own = {scenario.id for scenario in scenarios}
    # In front, so that a pair names the scenario of the set first.
    compared = (*scenarios, *(scenario for scenario in beside if scenario.id not in own))
    encoder = None
    if embeddings:
        from traitrl.judges.trivial import embed as encoder

        typer.echo(f"Comparing {len(compared)} conversations; --no-embeddings leaves this out.", err=True)
    pairs = [pair for pair in near_duplicates(compared, encoder) if pair.first in own]
    return pairs, ["minhash", "embedding"] if embeddings else ["minhash"]


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

    With --folder, near-duplicates across splits are also looked for between the folder and the shipped scenarios.

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
    pairs, methods = _duplicates(scenarios, embeddings, () if folder is None else _load(None))
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


@app.command()
def generate(
    trait: Annotated[str, typer.Option(help="Trait, for example corrigibility.")],
    domain: Annotated[str, typer.Option(help="Domain, for example health.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Drafts to write; the filter rejects some of them.")],
    model: Annotated[str, typer.Option(help="PROVIDER/NAME of any Inspect provider.")],
    out: Annotated[
        Path | None, typer.Option(help="File for the scenarios; default: generated/TRAIT.DOMAIN.jsonl.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Spend without asking.")] = False,
    price_in: Annotated[float | None, typer.Option(min=0, help="Money per million tokens in.")] = None,
    price_out: Annotated[float | None, typer.Option(min=0, help="Money per million tokens out.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Limit of one answer, reasoning included.")] = 4096,
    temperature: Annotated[float | None, typer.Option(min=0, help="Default: the provider's.")] = None,
    max_connections: Annotated[int, typer.Option(min=1, help="Calls under way at once.")] = 8,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds after which a call is not tried again.")] = 240,
    embeddings: Embeddings = True,
    as_json: Json = False,
) -> None:
    """Write new scenarios with a language model, in stages. Running it again goes on and pays for nothing twice.

    Shows what it will cost and asks before it spends. Exit code 1 when drafts are left for another run.

    Example: traitrl scenarios generate --trait corrigibility --domain health --n 10 --model openai/gpt-5-mini

    Example: traitrl scenarios generate --trait truthfulness --domain law --n 20 --model anthropic/claude-sonnet-4-5
    --price-in 3 --price-out 15 --yes --json
    """
    from traitrl.scenarios.generation.estimate import estimate_text
    from traitrl.scenarios.generation.plan import GenerationPlan
    from traitrl.scenarios.generation.run import foresee, summary_text
    from traitrl.scenarios.generation.run import generate as write

    if (price_in is None) != (price_out is None):
        raise typer.BadParameter("--price-in and --price-out go together")
    prices = None if price_in is None or price_out is None else (price_in, price_out)
    place = out or Path("generated") / f"{trait}.{domain}.jsonl"
    plan = GenerationPlan(trait, domain, n, model, place, max_tokens, temperature, max_connections, timeout)
    foreseen = foresee(plan, prices)
    if foreseen.calls:
        typer.echo(estimate_text(foreseen), err=True)
        if not yes:
            typer.confirm("Spend this?", abort=True, err=True)
    encoder = None
    if embeddings:
        from traitrl.judges.trivial import embed as encoder
    try:
        done = write(plan, encoder, prices)
    except KeyboardInterrupt:
        typer.echo("traitrl: interrupted; run the same command again to resume.", err=True)
        raise typer.Exit(130) from None
    typer.echo(done.model_dump_json() if as_json else summary_text(done))
    if done.failed:
        raise typer.Exit(1)
