import pytest
import torch

from traitrl.models.packed_layers import packed_layers
from traitrl.runtime import has_native_bfloat16


def _layers(dtype):
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(48, 96), torch.nn.SiLU(), torch.nn.Linear(96, 40, bias=False)
    ).to(dtype)  # fmt: skip


@pytest.mark.skipif(not has_native_bfloat16(), reason="the processor does not multiply bfloat16 itself")
@pytest.mark.parametrize("rows", [1, 7, 64, 300])
@torch.inference_mode()
def test_packed_layers_give_the_same_numbers(rows):
    layers = _layers(torch.bfloat16)
    inputs = torch.randn(2, rows, 48).bfloat16()
    plain = layers(inputs)
    with packed_layers(layers):
        assert "forward" in vars(layers[0]) and "forward" in vars(layers[2])
        torch.testing.assert_close(layers(inputs), plain, atol=0, rtol=0)


def test_layers_are_themselves_again_after_the_block_even_when_it_fails():
    layers = _layers(torch.bfloat16)
    with pytest.raises(KeyError), packed_layers(layers):
        raise KeyError
    assert "forward" not in vars(layers[0])
    layers(torch.randn(3, 48).bfloat16()).sum().backward()
    assert layers[0].weight.grad is not None


@torch.no_grad()
def test_other_number_formats_are_left_alone():
    layers = _layers(torch.float32)
    with packed_layers(layers):
        assert "forward" not in vars(layers[0])
