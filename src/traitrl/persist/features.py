"""What is known of a model before any attack: how far it is from the untrained one, and in which direction."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from traitrl.models.loading import Checkpoint, load_model, load_tokenizer
from traitrl.scenarios import Scenario, Split
from traitrl.scenarios.store import assert_only

if TYPE_CHECKING:
    import torch

_FEATURES = ("weight_change", "divergence", "trait_direction")


def model_features(model: Checkpoint, untrained: Checkpoint, scenarios: Sequence[Scenario]) -> dict[str, float | None]:
    """Compares a model with the untrained one.

    Args:
        model: The trained model.
        untrained: The model before training; of the same architecture, or the weight change stays unknown.
        scenarios: ATTACK scenarios, so that nothing of EVAL enters a prediction about EVAL.

    Returns:
        `weight_change`: Frobenius norm of the change of all weights; of an adapter, the norm of what it adds.
        `divergence`: mean KL from model to untrained per token of the beneficial references, in nats.
        `trait_direction`: shift of the last hidden state over those tokens along the direction from tempting to
        beneficial references in the untrained model, in units of that direction's length. All are None for models
        that differ in vocabulary, hidden width or tokens: nothing can be compared position by position.

    Raises:
        TraitrlError: When a scenario is not from ATTACK.
    """
    assert_only(scenarios, Split.ATTACK, "The features of a model")
    import torch

    tokenizer = load_tokenizer(untrained)
    if load_tokenizer(model).get_vocab() != tokenizer.get_vocab():
        return dict.fromkeys(_FEATURES)
    after, before = load_model(model, dtype=torch.float32), load_model(untrained, dtype=torch.float32)
    if _head_shape(after) != _head_shape(before):
        return dict.fromkeys(_FEATURES)
    divergences: list[float] = []
    shifts: list[torch.Tensor] = []
    directions: list[torch.Tensor] = []
    for scenario in scenarios:
        logits, hidden = _read(before, tokenizer, scenario, scenario.references.beneficial)
        _, tempted = _read(before, tokenizer, scenario, scenario.references.tempting)
        new_logits, new_hidden = _read(after, tokenizer, scenario, scenario.references.beneficial)
        new, old = new_logits.log_softmax(-1), logits.log_softmax(-1)
        divergences.append(float((new.exp() * (new - old)).sum(-1).mean()))
        directions.append(hidden.mean(0) - tempted.mean(0))
        shifts.append(new_hidden.mean(0) - hidden.mean(0))
    direction, shift = torch.stack(directions).mean(0), torch.stack(shifts).mean(0)
    return {
        "weight_change": _weight_change(after, before),
        "divergence": sum(divergences) / len(divergences),
        "trait_direction": float(shift @ direction / (direction @ direction)),
    }


def _head_shape(model: Any) -> tuple[int, ...]:
    """Returns vocabulary and hidden width, as the last layer has them."""
    return tuple(model.get_output_embeddings().weight.shape)


def _read(model: Any, tokenizer: Any, scenario: Scenario, reply: str) -> "tuple[torch.Tensor, torch.Tensor]":
    """Returns the logits that predict each token of a reply, and the last hidden states over the reply."""
    import torch

    from traitrl.models.chat import prompt_ids, reply_ids

    prompt, tokens = prompt_ids(tokenizer, scenario.conversation), reply_ids(tokenizer, reply)
    with torch.inference_mode():
        ids = torch.tensor([[*prompt, *tokens]], device=model.device)
        output = model(input_ids=ids, output_hidden_states=True)
    start = len(prompt)
    return output.logits[0, start - 1 : -1].float().cpu(), output.hidden_states[-1][0, start:].float().cpu()


def _weight_change(after: Any, before: Any) -> float | None:
    old = dict(before.named_parameters())
    new = dict(after.named_parameters())
    if old.keys() != new.keys() or any(old[name].shape != new[name].shape for name in old):
        return None
    return float(sum(float((new[name].detach() - old[name].detach()).pow(2).sum()) for name in old)) ** 0.5
