"""traitrl scenarios."""

import json
from typing import Annotated

import typer

app = typer.Typer(help="The scenario set.", no_args_is_help=True)


@app.command("list")
def list_scenarios(
    trait: Annotated[str | None, typer.Option(help="Only this trait.")] = None,
    domain: Annotated[str | None, typer.Option(help="Only this domain.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Whole scenarios, one JSON line each.")] = False,
) -> None:
    """List scenarios.

    Example: traitrl scenarios list --trait corrigibility --domain health
    """
    from traitrl.scenarios import load_scenarios

    for scenario in load_scenarios():
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
    from traitrl.scenarios import load_scenarios

    for scenario in load_scenarios():
        if scenario.id == scenario_id:
            typer.echo(json.dumps(scenario.model_dump(), indent=1, ensure_ascii=False))
            return
    raise TraitrlError(f"There is no scenario {scenario_id}.", "`traitrl scenarios list` prints all ids.")
