"""traitrl tasks."""

import json
from typing import Annotated

import typer

app = typer.Typer(help="The standard RL tasks with verifiable rewards.", no_args_is_help=True)


@app.command()
def rates(
    model: Annotated[str, typer.Option(help="bundled, a local folder, or a hub id.")] = "bundled",
    per_kind: Annotated[int, typer.Option(help="Prompts per kind of task.")] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Measure how often a model solves each kind of task. Tasks at 0 % or 100 % teach nothing.

    Example: traitrl tasks rates --per-kind 32
    """
    from traitrl.tasks.rates import success_rates

    rows = success_rates(model, per_kind)
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(f"{row['kind']:<26} solved {row['solved']:.2f}  truncated {row['truncated']:.2f}  n {row['n']}")
