import torch

from ocr_gpu import devices
from ocr_gpu.devices import Device


def test_a_network_in_half_precision_answers_in_full() -> None:
    layer = torch.nn.Linear(4, 2)
    seen: list[torch.dtype] = []

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, data: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            answer = self.layer(data)
            seen.append(answer.dtype)
            return answer, answer

    half = devices.HalfPrecision(Network(), Device("cpu"), dtype=torch.bfloat16).eval()
    data = torch.ones(1, 4)
    with torch.no_grad():
        first, second = half(data)
        single = devices.HalfPrecision(layer, Device("cpu"), dtype=torch.bfloat16)(data)
        expected = layer(data)
    assert seen == [torch.bfloat16]
    assert first.dtype == second.dtype == single.dtype == torch.float32
    assert torch.allclose(first, expected, atol=0.05)


def test_a_network_spread_over_all_gpus_is_taken_back_to_one() -> None:
    layer = torch.nn.Linear(4, 2)
    assert devices.HalfPrecision(torch.nn.DataParallel(layer), Device("cpu")).network is layer
