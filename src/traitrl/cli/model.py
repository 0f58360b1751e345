"""traitrl model."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The models that ship with traitrl.", no_args_is_help=True)


@app.command("warm-start")
def warm_start(
    model: Annotated[str, typer.Option(help="bundled, a local folder, or a hub id.")] = "bundled",
    out: Annotated[Path | None, typer.Option(help="Folder for the adapter; default: the package's own.")] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the plain replies.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
) -> None:
    """Teach a small model to answer scenarios at all, right and wrong replies alike, before any RL.

    Takes about 40 minutes on two cores. The adapter that ships with the package was made by this command.

    Example: traitrl model warm-start --out ./warm
    """
    from traitrl.judges.trivial import embed
    from traitrl.models.loading import resolve
    from traitrl.models.warm import warm_adapter
    from traitrl.scenarios import load_scenarios
    from traitrl.training.warm_examples import assert_apart, load_warm_conversations, warm_scenarios
    from traitrl.training.warm_start import WarmStart, train_warm_start

    scenarios, conversations = load_scenarios(), load_warm_conversations()
    assert_apart(conversations, scenarios, embed)
    material = [*warm_scenarios(scenarios), *(row.example for row in conversations)]
    typer.echo(f"{len(material)} conversations with four replies each")

    def advance(step: int, steps: int, loss: float) -> None:
        if step % 10 == 0 or step == steps:
            typer.echo(f"step {step} of {steps}: loss {loss:.3f} nats per token")

    settings = WarmStart(epochs=epochs, seed=seed)
    train_warm_start(resolve(model), material, settings, out or warm_adapter(), model, advance)
