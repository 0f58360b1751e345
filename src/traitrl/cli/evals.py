"""traitrl evals."""

import json
from typing import Annotated

import typer

app = typer.Typer(help="The benchmarks.", no_args_is_help=True)


@app.command("list")
def list_benchmarks(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False) -> None:
    """List benchmarks with family, source, and whether their data is on this machine.

    Example: TRAITRL_DATA=./evaldata traitrl evals list
    """
    from traitrl.evals.registry import benchmarks

    for benchmark in benchmarks().values():
        here = benchmark.file() is not None
        if as_json:
            typer.echo(json.dumps({**benchmark.model_dump(), "present": here}))
        else:
            typer.echo(
                f"{benchmark.name:<28} {benchmark.family:<32} {benchmark.source:<8} {'present' if here else 'absent'}"
            )
