"""Which device can really be used. The one module that imports torch."""

import re
from dataclasses import dataclass
from typing import Any

try:
    import torch
except ImportError:  # the base install has none: it reads on the CPU with onnxruntime
    torch = None  # type: ignore[assignment]

CUDA_SETTING = re.compile(r"cuda(?::(\d+))?")


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


class HalfPrecision:
    """A network that computes in 16 bits and answers in 32: what follows it (OpenCV) knows no 16-bit floats."""

    def __init__(self, network: Any, device: Device, dtype: Any = None) -> None:
        # EasyOCR wraps its networks in DataParallel, which would spread one card over every GPU there is
        self.network = getattr(network, "module", network)
        self.kind = device.kind
        self.dtype = dtype or torch.float16

    def eval(self) -> "HalfPrecision":
        self.network.eval()
        return self

    def __call__(self, *tensors: Any) -> Any:
        with torch.autocast(self.kind, dtype=self.dtype):
            answer = self.network(*tensors)
        if isinstance(answer, tuple):
            return tuple(tensor.float() for tensor in answer)
        return answer.float()


def limit_threads(count: int) -> None:
    torch.set_num_threads(count)
