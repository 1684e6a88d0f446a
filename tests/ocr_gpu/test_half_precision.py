from collections.abc import Sequence

import numpy
import pytest
import torch

from ocr_gpu import devices
from ocr_gpu.devices import GROWS_AFTER, Device, Network, Together, half_precision, in_batches

CPU = Device("cpu")
BATCH = numpy.random.default_rng(7).random((2, 3, 8, 12), dtype=numpy.float32)


class Small(torch.nn.Module):
    """A convolution with a norm after it, as in both of EasyOCR's networks; two answers, as its detector gives."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.steps = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
        norm = self.steps[1]
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)
        self.seen: list[torch.dtype] = []

    def forward(self, data: torch.Tensor) -> tuple[torch.Tensor, str]:
        answer = self.steps(data)
        self.seen.append(answer.dtype)
        return answer, "features"


def expected() -> numpy.ndarray:
    with torch.no_grad():
        return Small().eval()(torch.from_numpy(BATCH))[0].numpy()


def test_a_network_takes_and_gives_arrays_and_its_norms_are_worked_in() -> None:
    network = Network(Small(), CPU)
    assert numpy.allclose(network(BATCH), expected(), atol=1e-5)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in network.network.modules())


def test_a_network_in_half_precision_answers_in_full() -> None:
    network = Network(Small(), CPU, dtype=torch.bfloat16)
    answer = network(BATCH)
    assert network.network.seen == [torch.bfloat16]
    assert answer.dtype == numpy.float32
    assert numpy.allclose(answer, expected(), atol=0.05)


def test_a_network_is_given_what_else_it_wants() -> None:
    class Two(torch.nn.Module):
        def forward(self, data: torch.Tensor, text: None) -> torch.Tensor:
            assert text is None
            return data * 2

    assert numpy.array_equal(Network(Two(), CPU, others=(None,))(BATCH), BATCH * 2)


def test_a_network_spread_over_all_gpus_is_taken_back_to_one() -> None:
    small = Small()
    assert Network(torch.nn.DataParallel(small), CPU).network is small


@pytest.mark.parametrize(
    ("device", "able", "expected"),
    [
        (Device("cuda"), {}, torch.float16),
        (CPU, {"avx512_bf16": True}, torch.bfloat16),
        (CPU, {"avx2": True, "avx512_bf16": False, "amx_bf16": False}, None),
        (CPU, {}, None),
    ],
)
def test_half_precision_is_used_where_the_device_has_it_in_hardware(
    device: Device, able: dict[str, bool], expected: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert half_precision(device) is expected


class Full:
    """A device whose memory holds so many at a time, and the sizes of what was tried on it."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.tried: list[int] = []

    def double(self, numbers: Sequence[int]) -> list[int]:
        self.tried.append(len(numbers))
        if len(numbers) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return [2 * number for number in numbers]


@pytest.mark.parametrize(
    ("room", "tried"), [(8, [4, 4, 1]), (3, [4, 2, 2, 2, 2, 1]), (2, [4, 2, 2, 2, 2, 1]), (1, [4, 2, *[1] * 9])]
)
def test_what_does_not_fit_is_halved_and_nothing_is_lost(room: int, tried: list[int]) -> None:
    device = Full(room)
    assert in_batches(device.double, range(9), Together(4)) == [0, 2, 4, 6, 8, 10, 12, 14, 16]
    assert device.tried == tried


def test_what_does_not_fit_one_by_one_is_said_and_not_tried_for_ever() -> None:
    device = Full(0)
    with pytest.raises(MemoryError, match="not even one picture"):
        in_batches(device.double, range(9), Together(4))
    assert device.tried == [4, 2, 1]


def test_a_full_device_is_told_too_in_the_words_of_the_libraries_under_torch() -> None:
    tried: list[int] = []

    def run(numbers: Sequence[int]) -> list[int]:
        tried.append(len(numbers))
        if len(numbers) > 2:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        return list(numbers)

    assert in_batches(run, range(5), Together(4)) == [0, 1, 2, 3, 4]
    assert tried == [4, 2, 2, 1]


def test_a_halved_batch_stays_so_for_later_calls_and_grows_again_once_the_device_has_room() -> None:
    device, size = Full(2), Together(8)
    in_batches(device.double, range(8), size)
    device.tried.clear()
    device.room = 8
    for _ in range(3 * GROWS_AFTER):
        in_batches(device.double, range(size.now), size)
    assert device.tried[: GROWS_AFTER - 4] == [2] * (GROWS_AFTER - 4)
    assert device.tried[-1] == 8
    assert sorted(set(device.tried)) == [2, 4, 8]


def test_another_failure_of_the_device_is_not_taken_for_a_full_one() -> None:
    def broken(numbers: Sequence[int]) -> list[int]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal memory access"):
        in_batches(broken, range(9), Together(4))


def test_nothing_costs_nothing() -> None:
    assert devices.in_batches(Full(0).double, [], Together(4)) == []
