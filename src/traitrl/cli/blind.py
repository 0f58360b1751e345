"""traitrl blind."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Blind reading of two arms' replies, by people or by a model.", no_args_is_help=True)


@app.command()
def make(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option(help="Folder for pairs.jsonl and key.json.")],
    pairs: Annotated[int, typer.Option(help="Pairs to draw.")] = 40,
    seed: Annotated[int, typer.Option(help="Fixes draw and shuffle.")] = 0,
) -> None:
    """Shuffle the held-out replies of baseline and trait arm into pairs.

    The reader gets pairs.jsonl alone and writes verdicts.jsonl beside it, one line per pair:
    {"pair": 1, "verdict": "A", "reason": "..."} with verdict A, B or tie.

    Example: traitrl blind make runs/quickstart --out blind
    """
    from traitrl.config import load_experiment
    from traitrl.evals.blind import make_pairs, write_pairs
    from traitrl.jsonl import read_rows
    from traitrl.scenarios import load_scenarios

    arms = [arm.name for arm in load_experiment(run / "config.yaml").arms]
    replies = {arm: read_rows(run / "steps" / f"held-out-{arm}" / "replies.jsonl") for arm in (arms[0], arms[-1])}
    drawn, key = make_pairs(replies, {scenario.id: scenario for scenario in load_scenarios()}, pairs, seed)
    write_pairs(drawn, key, out)
    typer.echo(f"{len(drawn)} pairs in {out / 'pairs.jsonl'}; keep {out / 'key.json'} from the reader.")


@app.command("open")
def open_verdicts(
    folder: Annotated[Path, typer.Argument(help="Folder with pairs.jsonl, key.json and verdicts.jsonl.")],
    arm: Annotated[
        str | None, typer.Option(help="The arm whose preference is counted; default: the run's last.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Count the verdicts of a blind reading.

    Example: traitrl blind open blind
    """
    from traitrl.evals.blind import open_pairs, read_pairs

    result = open_pairs(*read_pairs(folder), preferred=arm)
    if as_json:
        typer.echo(json.dumps(asdict(result)))
        return
    words = result.mean_words
    typer.echo(
        f"{result.preferred} preferred {result.wins} times, {result.against} {result.losses} times, "
        f"{result.ties} ties: {result.score:g} of {result.pairs} with ties counted half "
        f"(sign test p = {result.p_value:.3g}); "
        f"mean words {words[result.preferred]:.1f} against {words[result.against]:.1f}"
    )
