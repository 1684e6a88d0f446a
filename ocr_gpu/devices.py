"""Which device can really be used, and networks that run on it. The one module that imports torch."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy
from numpy.typing import NDArray

try:
    import torch
except ImportError:  # the base install has none: it reads on the CPU with onnxruntime
    torch = None  # type: ignore[assignment]

CUDA_SETTING = re.compile(r"cuda(?::(\d+))?")
FAST_BFLOAT16 = ("avx512_bf16", "amx_bf16")  # elsewhere it is made out of 32 bits, and takes longer than those

Floats = NDArray[numpy.float32]
Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Device:
    """`name` is what the card calls itself; `reason` says why it is not CUDA, or is empty."""

    kind: str  # "cuda" or "cpu"
    index: int = 0
    name: str = "CPU"
    reason: str = ""

    def __str__(self) -> str:
        return f"cuda:{self.index}" if self.kind == "cuda" else "cpu"


class DeviceUnavailable(Exception):
    """A device was asked for by name and cannot be used; the text says why."""


def probe(index: int = 0) -> Device:
    """Try CUDA with a small sum and say what is there. Only for the process that is going to use it: CUDA that was
    touched before a fork does not work after it.
    """
    if torch is None:
        return Device("cpu", reason="torch is not installed")
    if not torch.cuda.is_available():
        return Device("cpu", reason=f"torch {torch.__version__} sees no CUDA device")
    try:
        total = torch.ones(8, device=f"cuda:{index}").sum().item()
        name = torch.cuda.get_device_name(index)
    except (RuntimeError, AssertionError) as error:
        # a driver that is too old, a card that is full or of no supported kind, or no such index
        return Device("cpu", reason=f"cuda:{index} cannot be used: {str(error).splitlines()[0]}")
    if total != 8:
        return Device("cpu", reason=f"cuda:{index} cannot add: 8 ones made {total}")
    return Device("cuda", index, name)


def choose(setting: str) -> Device:
    """ "cpu", "auto" (CUDA if it works, else the CPU with the reason), or "cuda" and "cuda:N" (that or an error)."""
    if setting == "cpu":
        return Device("cpu", reason="the CPU was asked for")
    if setting == "auto":
        return probe()
    wanted = CUDA_SETTING.fullmatch(setting)
    if wanted is None:
        raise DeviceUnavailable(f"{setting!r} is no device: use auto, cpu or cuda:N")
    device = probe(int(wanted[1] or 0))
    if device.kind != "cuda":
        raise DeviceUnavailable(device.reason)
    return device


def half_precision(device: Device) -> Any:
    """The 16-bit type in which the device computes faster than in 32 bits; None if there is none."""
    if device.kind == "cuda":
        return torch.float16
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if any(able.get(name) for name in FAST_BFLOAT16) else None


class Network:
    """A network on a device: 32-bit numpy arrays in and out, computed in `dtype` (None: in 32 bits).

    `others` are arguments that it wants besides the batch. Of several answers the first is given.
    """

    def __init__(self, module: Any, device: Device, *, dtype: Any = None, others: Sequence[Any] = ()) -> None:
        # EasyOCR wraps its networks in DataParallel, which would spread one card over every GPU there is
        network = _without_norms(getattr(module, "module", module).eval())
        self.dtype = dtype or torch.float32
        # The weights themselves are in half precision: autocast would make them so again for every batch.
        self.network = network.to(str(device), dtype=self.dtype, memory_format=torch.channels_last)
        self.device = str(device)
        self.others = tuple(others)

    def __call__(self, batch: Floats) -> Floats:
        """`batch` is count x channels x height x width."""
        with torch.inference_mode():
            given = torch.from_numpy(batch).to(self.device, dtype=self.dtype, memory_format=torch.channels_last)
            answer = self.network(given, *self.others)
            first = answer[0] if isinstance(answer, tuple) else answer
            result: Floats = first.float().cpu().numpy()
        return result


def _without_norms(module: Any) -> Any:
    """Each batch norm worked into the convolution before it: the same sums, and a seventh less to do."""
    names = [name for name, _ in module.named_children()]
    for before, name in zip([None, *names], names, strict=False):
        child = getattr(module, name)
        convolution = getattr(module, before) if before else None
        if isinstance(child, torch.nn.BatchNorm2d) and isinstance(convolution, torch.nn.Conv2d):
            setattr(module, before, torch.nn.utils.fusion.fuse_conv_bn_eval(convolution, child))
            setattr(module, name, torch.nn.Identity())
        else:
            _without_norms(child)
    return module


def in_batches(run: Callable[[Sequence[Item]], Sequence[Answer]], items: Sequence[Item], most: int) -> list[Answer]:
    """What `run` makes of all items, given to it at most `most` at a time, in their order.

    Where they do not fit into the device's memory, half as many are tried, down to one. MemoryError if not even that
    fits. The next call starts with `most` again: it may have been another process that filled the device.
    """
    answers: list[Answer] = []
    together = most
    while len(answers) < len(items):
        batch = items[len(answers) : len(answers) + together]
        try:
            answers += run(batch)
        except torch.OutOfMemoryError as error:
            if len(batch) == 1:
                raise MemoryError("not even one picture fits into the memory of the device") from error
            together = len(batch) // 2
    return answers


def limit_threads(count: int) -> None:
    torch.set_num_threads(count)
