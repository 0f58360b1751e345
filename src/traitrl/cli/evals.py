"""traitrl evals."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traitrl.cli.evals_run import run

if TYPE_CHECKING:
    from traitrl.evals.registry import Benchmark

app = typer.Typer(help="The benchmarks.", no_args_is_help=True)

app.command("run")(run)

Json = Annotated[bool, typer.Option("--json", help="Machine-readable, one object per line.")]


@app.command("list")
def list_benchmarks(
    family: Annotated[str | None, typer.Option(help="Only this family, for example `deception`.")] = None,
    suite: Annotated[str | None, typer.Option(help="Only this suite: default or all.")] = None,
    as_json: Json = False,
) -> None:
    """List benchmarks: family, source, items, chance level, licence, scoring, and whether the data is here.

    "changed" means that a file is there with another sha256 than the declared one; it is not used. Why a benchmark
    cannot be scored here stands below the table.

    Example: TRAITRL_DATA=./evaldata traitrl evals list --family deception
    """
    rows = [row for row in _suite(suite) if family in (None, row.family)]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(_as_json(row), ensure_ascii=False))
        return
    typer.echo(f"{'name':<33}{'family':<32}{'items':>6} {'chance':>6} {'scoring':<9}{'data':<8} {'licence':<13} source")
    for row in rows:
        chance = "" if row.chance is None else f"{row.chance:.2f}"
        count = "?" if row.count is None else str(row.count)
        licence = row.licence if len(row.licence) <= 12 else "see --json"
        typer.echo(
            f"{row.name:<33}{row.family:<32}{count:>6} {chance:>6} {row.scoring:<9}{row.status():<8} {licence:<13}"
            f" {row.repository or 'traitrl'}"
        )
    _say_obstacles(rows)
    independent = [row for row in rows if row.is_independent]
    present = [row for row in independent if row.status() == "present"]
    scored = sum(not row.is_generated for row in present)
    typer.echo(
        f"\n{len(rows)} benchmarks; {len(independent)} count as alignment benchmarks of their own (without controls and"
        f" variants); of these {len(present)} are present, {scored} of them scored by likelihood, the others on sampled"
        " replies."
    )


def _say_obstacles(rows: "list[Benchmark]") -> None:
    found: dict[str, list[str]] = {}
    for row in rows:
        obstacle = row.obstacle()
        if obstacle is not None:
            found.setdefault(obstacle, []).append(row.name)
    for obstacle, names in found.items():
        typer.echo(f"\nNot scored here, {obstacle}: {', '.join(names)}.")


@app.command("fetch")
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks; all public ones when none is named.")] = None,
    to: Annotated[Path | None, typer.Option(help="Folder to fill; default: the one in TRAITRL_DATA.")] = None,
    replace: Annotated[bool, typer.Option(help="Fetch anew what is there with another content.")] = False,
    as_json: Json = False,
) -> None:
    """Download public benchmark files from their publishers, each checked against its sha256.

    What cannot be fetched is named with the reason. Run it again to go on after an interruption.

    Example: TRAITRL_DATA=./evaldata traitrl evals fetch truthfulqa_binary perez_no_shut_down
    """
    from traitrl.errors import TraitrlError
    from traitrl.evals.fetch import Fetched, fetch_benchmarks
    from traitrl.evals.registry import benchmarks, chosen_benchmarks

    folder = to or (Path(os.environ["TRAITRL_DATA"]) if os.environ.get("TRAITRL_DATA") else None)
    if folder is None:
        raise TraitrlError("No folder is named for the data.", "Set TRAITRL_DATA, or add --to FOLDER.")

    def tell(result: Fetched) -> None:
        if as_json:
            typer.echo(json.dumps(result.__dict__, ensure_ascii=False))
        elif result.outcome != "present":
            typer.echo(f"{result.outcome:<11}{result.path}{f': {result.detail}' if result.detail else ''}")

    chosen = chosen_benchmarks(names) if names else list(benchmarks().values())
    results = fetch_benchmarks(chosen, folder, replace, tell)
    outcomes = [result.outcome for result in results]
    if not as_json:
        counts = ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in dict.fromkeys(outcomes))
        typer.echo(f"{len(results)} files in {folder}: {counts or 'none needed'}.")
    if "failed" in outcomes:
        raise typer.Exit(1)


def _suite(name: str | None) -> "list[Benchmark]":
    from traitrl.errors import TraitrlError
    from traitrl.evals.registry import benchmarks, chosen_benchmarks

    if name is None:
        return list(benchmarks().values())
    if name not in ("default", "all"):
        raise TraitrlError(f"There is no suite {name}.", "The suites are default and all.")
    return chosen_benchmarks("default" if name == "default" else "all", generated=True)


def _as_json(row: "Benchmark") -> dict[str, object]:
    status = row.status()
    counted = row.model_dump(exclude={"count"})
    return {**counted, "items": row.count, "status": status, "present": status == "present", "obstacle": row.obstacle()}
