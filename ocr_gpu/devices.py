"""Which device can really be used, and networks that run on it. The one module that imports torch."""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy
from numpy.typing import NDArray

from ocr_gpu import progress

try:
    import torch
except ImportError:  # the base install has none: it reads on the CPU with onnxruntime
    torch = None  # type: ignore[assignment]

CUDA_SETTING = re.compile(r"cuda(?::(\d+))?")
PROBE_SECONDS = 10.0  # a driver that hangs does so for ever, and in no call that can be interrupted
LEAST_FREE_BYTES = 256 * 2**20  # what one page takes on its way through the detector
GROWS_AFTER = 16  # batches that went well after one did not fit: what filled the device may be gone

FULL = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")

# Why a device cannot be used, as short words for rows and metrics.
NO_TORCH, NO_CUDA, BROKEN, WRONG, HANGS, MEMORY = "no_torch", "no_cuda", "broken", "wrong_sum", "hangs", "out_of_memory"

FAST_BFLOAT16 = ("avx512_bf16", "amx_bf16")  # elsewhere it is made out of 32 bits, and takes longer than those

Floats = NDArray[numpy.float32]
Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Device:
    """`name` is what the card calls itself; `reason` says why it is not CUDA, or is empty; `code` says it in a word."""

    kind: str  # "cuda" or "cpu"
    index: int = 0
    name: str = "CPU"
    reason: str = ""
    code: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"cuda:{self.index}" if self.kind == "cuda" else "cpu"


class DeviceUnavailable(Exception):
    """A device was asked for by name and cannot be used; the text says why, `code` in a word."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


def probe(index: int = 0) -> Device:
    """Try CUDA with a small sum and say what is there. Only for the process that is going to use it: CUDA that was
    touched before a fork does not work after it.
    """
    if torch is None:
        return Device("cpu", reason="torch is not installed", code=NO_TORCH)
    if not torch.cuda.is_available():
        return Device("cpu", reason=f"torch {torch.__version__} sees no CUDA device", code=NO_CUDA)
    try:
        total = torch.ones(8, device=f"cuda:{index}").sum().item()
        name = torch.cuda.get_device_name(index)
    except (RuntimeError, AssertionError) as error:
        # a driver that is too old, a card that is full or of no supported kind, or no such index
        return Device("cpu", reason=f"cuda:{index} cannot be used: {str(error).splitlines()[0]}", code=_word(error))
    if total != 8:
        return Device("cpu", reason=f"cuda:{index} cannot add: 8 ones made {total}", code=WRONG)
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
        raise DeviceUnavailable(device.reason, device.code)
    return device


def trouble(device: Device) -> str:
    """Why `device`, which worked, cannot be used now: a word, or nothing. A few milliseconds, PROBE_SECONDS at most."""
    if device.kind != "cuda":
        return ""
    found: list[str] = []
    probing = threading.Thread(target=lambda: found.append(_trouble(device.index)), name="device probe", daemon=True)
    probing.start()
    probing.join(PROBE_SECONDS)
    return found[0] if found else HANGS


def _trouble(index: int) -> str:
    try:
        if code := probe(index).code:
            return code
        return MEMORY if free_bytes(index) < LEAST_FREE_BYTES else ""
    except Exception as error:  # whatever a driver says while it dies
        return _word(error)


def free_bytes(index: int) -> int:
    """What the device has left for this process: nobody's, and what torch keeps of its own for the next batch."""
    free, _ = torch.cuda.mem_get_info(index)
    return int(free + torch.cuda.memory_reserved(index) - torch.cuda.memory_allocated(index))


def _word(error: Exception) -> str:
    return MEMORY if "out of memory" in str(error).lower() else BROKEN


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


class Together:
    """How many go through a network at once: `most`, fewer while the memory of the device has no room for them.

    What did not fit is halved, down to one, and stays so for GROWS_AFTER batches; then twice as many are tried: it may
    have been another process that filled the device.
    """

    def __init__(self, most: int) -> None:
        self.most = self.now = max(1, most)
        self._went_well = 0

    def fitted(self) -> None:
        self._went_well += 1
        if self.now < self.most and self._went_well >= GROWS_AFTER:
            self.now, self._went_well = min(self.most, self.now * 2), 0

    def did_not_fit(self, count: int) -> None:
        self.now, self._went_well = max(1, count // 2), 0


def in_batches(
    run: Callable[[Sequence[Item]], Sequence[Answer]], items: Sequence[Item], size: Together
) -> list[Answer]:
    """What `run` makes of all items, given to it at most `size.now` at a time, in their order.

    MemoryError if not even one fits into the device's memory.
    """
    answers: list[Answer] = []
    while len(answers) < len(items):
        batch = items[len(answers) : len(answers) + size.now]
        try:
            answers += run(batch)
        except RuntimeError as error:
            if not _is_full(error):
                raise
            if len(batch) == 1:
                raise MemoryError("not even one picture fits into the memory of the device") from error
            size.did_not_fit(len(batch))
        else:
            size.fitted()
        progress.step()
    return answers


def _is_full(error: RuntimeError) -> bool:
    """The libraries under torch say it in words of their own, and not as its OutOfMemoryError."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in FULL)


def limit_threads(count: int) -> None:
    torch.set_num_threads(count)
