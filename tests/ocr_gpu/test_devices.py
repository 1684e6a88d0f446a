import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ocr_gpu import devices
from ocr_gpu.devices import Device, DeviceUnavailable, choose

ROOT = Path(__file__).resolve().parents[2]


class Ones:
    def __init__(self, total: float) -> None:
        self.total = total

    def sum(self) -> "Ones":
        return self

    def item(self) -> float:
        return self.total


class TorchWithCuda:
    """Torch on a machine with one GPU, as far as the probe looks."""

    __version__ = "2.14.1"

    def __init__(self, *, usable: bool = True, adds: bool = True) -> None:
        self.cuda = self
        self.usable, self.adds = usable, adds

    def is_available(self) -> bool:
        return True

    def get_device_name(self, index: int) -> str:
        return "Specimen GPU"

    def ones(self, count: int, device: str) -> "Ones":
        if device != "cuda:0":
            raise RuntimeError("CUDA error: invalid device ordinal\nmore lines")
        if not self.usable:
            raise RuntimeError("CUDA error: no kernel image is available\nmore lines")
        return Ones(float(count) if self.adds else 0.0)


def test_a_working_gpu_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "torch", TorchWithCuda())
    assert devices.probe() == Device("cuda", 0, "Specimen GPU")
    assert str(devices.probe()) == "cuda:0"


@pytest.mark.parametrize(
    ("fake", "index", "reason"),
    [
        (TorchWithCuda(usable=False), 0, "cuda:0 cannot be used: CUDA error: no kernel image is available"),
        (TorchWithCuda(), 7, "cuda:7 cannot be used: CUDA error: invalid device ordinal"),
        (TorchWithCuda(adds=False), 0, "cuda:0 cannot add: 8 ones made 0.0"),
        (None, 0, "torch is not installed"),
    ],
)
def test_a_gpu_that_does_not_work_is_the_cpu_with_the_reason(
    fake: TorchWithCuda | None, index: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "torch", fake)
    assert devices.probe(index) == Device("cpu", reason=reason)


@pytest.mark.parametrize(
    ("fake", "code"),
    [(TorchWithCuda(usable=False), "broken"), (TorchWithCuda(adds=False), "wrong_sum"), (None, "no_torch")],
)
def test_what_is_wrong_with_a_device_is_a_word_too(
    fake: TorchWithCuda | None, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "torch", fake)
    assert devices.trouble(Device("cuda", 0)) == code
    with pytest.raises(DeviceUnavailable) as refused:
        choose("cuda:0")
    assert refused.value.code == code


@pytest.mark.parametrize(("free", "code"), [(devices.LEAST_FREE_BYTES, ""), (1, "out_of_memory")])
def test_a_device_that_somebody_else_filled_cannot_be_used(
    free: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "torch", TorchWithCuda())
    monkeypatch.setattr(devices, "free_bytes", lambda index: free)
    assert devices.trouble(Device("cuda", 0)) == code


def test_a_driver_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(devices, "probe", lambda index: never.wait(60))
    monkeypatch.setattr(devices, "PROBE_SECONDS", 0.05)
    assert devices.trouble(Device("cuda", 0)) == "hangs"
    never.set()


def test_a_cpu_has_no_trouble_and_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = probe_finds(Device("cpu"), monkeypatch)
    assert (devices.trouble(Device("cpu")), asked) == ("", [])


def test_the_real_probe_answers_on_this_machine() -> None:
    device = devices.probe()
    assert device.kind in {"cpu", "cuda"}
    assert bool(device.reason) == (device.kind == "cpu")


def test_without_torch_the_module_still_answers() -> None:
    script = (
        "import sys; sys.modules['torch'] = None; from ocr_gpu import devices; print(devices.choose('auto').reason)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "torch is not installed\n"


def probe_finds(device: Device, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    asked: list[int] = []

    def probe(index: int = 0) -> Device:
        asked.append(index)
        return device

    monkeypatch.setattr(devices, "probe", probe)
    return asked


@pytest.mark.parametrize(("setting", "asked"), [("auto", [0]), ("cuda", [0]), ("cuda:0", [0]), ("cuda:2", [2])])
def test_a_working_gpu_is_chosen(setting: str, asked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    found = probe_finds(Device("cuda", asked[0], "Specimen GPU"), monkeypatch)
    assert choose(setting).kind == "cuda"
    assert found == asked


def test_the_cpu_is_chosen_without_touching_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = probe_finds(Device("cuda", 0, "Specimen GPU"), monkeypatch)
    assert str(choose("cpu")) == "cpu"
    assert asked == []


def test_auto_falls_back_to_the_cpu_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    probe_finds(Device("cpu", reason="the driver is too old"), monkeypatch)
    assert choose("auto") == Device("cpu", reason="the driver is too old")


def test_a_gpu_asked_for_by_name_is_never_replaced_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    probe_finds(Device("cpu", reason="the driver is too old"), monkeypatch)
    with pytest.raises(DeviceUnavailable, match="the driver is too old"):
        choose("cuda:0")


@pytest.mark.parametrize("setting", ["", "gpu", "cuda:", "cuda:x", "CPU"])
def test_a_setting_that_is_no_device_is_refused(setting: str) -> None:
    with pytest.raises(DeviceUnavailable, match="is no device"):
        choose(setting)
