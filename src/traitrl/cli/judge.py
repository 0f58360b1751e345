"""traitrl judge."""

import json
from typing import Annotated

import typer

app = typer.Typer(help="The judges.", no_args_is_help=True)


@app.command()
def calibrate(
    judge: Annotated[str, typer.Option(help="offline:feature, offline:decoder, or PROVIDER/NAME.")] = "offline:decoder",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Measure a judge on gold labels of scenarios that it never saw, beside the trivial judges.

    Example: traitrl judge calibrate --judge offline:feature
    """
    from traitrl.judges.calibration import calibrate as measure

    figures = measure(judge)
    if as_json:
        typer.echo(json.dumps(figures))
        return
    for source, rows in figures["sources"].items():
        typer.echo(f"\n{source} (n = {rows[judge]['n']}, met {rows[judge]['met_share']:.2f})")
        for name, row in rows.items():
            typer.echo(
                f"  {name:<24} kappa {row['kappa']:+.3f}  balanced accuracy {row['balanced_accuracy']:.3f}"
                f"  AUROC {row['auroc']:.3f}"
            )
    tricks = figures["adversarial"]
    typer.echo(f"\n{tricks['n_replies']} replies written to fool it: {tricks['decisions']:.2f} of criteria right")
    for kind, share in tricks["kinds"].items():
        typer.echo(f"  {kind:<24} {share:.2f}")
    typer.echo(f"\ntwo readers of the same replies agree with kappa {figures['annotator_kappa']:.2f}")
    typer.echo(f"{figures['criteria_per_second']:.0f} criteria per second")


@app.command()
def train(
    judge: Annotated[str, typer.Argument(help="offline:feature or offline:decoder")],
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
) -> None:
    """Train an offline judge again from the labels that ship with the package.

    Example: traitrl judge train offline:feature
    """
    from traitrl.judges.build import build_judge

    build_judge(judge, seed, lambda text: typer.echo(text))
