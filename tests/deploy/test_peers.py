"""The adapters of the peers, without the peers: those are installed in environments of their own."""

import importlib.util
import sys
import textwrap
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from verification import ktp
from verification.bench_runs import Reader, run

PEERS = Path(__file__).resolve().parents[2] / "deploy" / "peers"


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(PEERS))

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, PEERS / f"{name}.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    sys.modules.pop("peer", None)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("17-08-1990", "1990-08-17"),
        ("7/8/1990", "1990-08-07"),
        ("SEUMUR HIDUP", "SEUMUR HIDUP"),
        ("", ""),
        (None, None),
    ],
)
def test_dates_are_written_as_filot_writes_them(adapter: Any, text: str | None, iso: str | None) -> None:
    assert adapter("peer").as_iso(text) == iso


def test_the_fields_of_akshara_ocr_get_the_names_of_filot(adapter: Any) -> None:
    module = adapter("akshara_ocr_peer")
    values = dict.fromkeys(module.NAMES)
    sure = {"nik": 99.0, "tempat_tanggal_lahir": 80.0}
    found = module.fields_of(
        SimpleNamespace(
            **{**values, "nik": "3201024508900001", "berlaku_hingga": "17-08-2017"},
            tempat_tanggal_lahir="BANDA ACEH, 17-08-1990",
            meta=SimpleNamespace(confidence_per_field=sure),
        )
    )
    assert found["nik"] == {"value": "3201024508900001", "confidence": 0.99}
    assert found["birthPlace"] == {"value": "BANDA ACEH", "confidence": 0.8}
    assert found["birthDate"]["value"] == "1990-08-17"
    assert found["validUntil"]["value"] == "2017-08-17"
    assert found["name"] == {"value": None, "confidence": 0.0}
    assert set(found) < set(ktp.FIELDS)


def test_the_fields_of_fktd_get_the_names_of_filot(adapter: Any) -> None:
    module = adapter("fktd_peer")
    values = {**dict.fromkeys(module.NAMES), "tanggal_lahir": "17-08-1990", "rt_rw": "001/002", "provinsi": ""}
    found = module.fields_of(SimpleNamespace(**values, confidence_of={"rt_rw": 91.0}.get))
    assert found["birthDate"]["value"] == "1990-08-17"
    assert found["rtRw"] == {"value": "001/002", "confidence": 0.91}
    assert found["province"]["value"] is None
    assert set(found) == set(ktp.FIELDS)


def test_an_adapter_speaks_as_a_reader_though_its_peer_prints_and_stumbles(tmp_path: Path) -> None:
    script = tmp_path / "chatty_peer.py"
    program = f"""
        import sys
        sys.path.insert(0, {str(PEERS)!r})
        from peer import serve, stated
        def load():
            print("loading")
            def read(file):
                print("reading")
                if file.name == "2.jpg":
                    raise ZeroDivisionError
                return {{"name": stated("SITI", 90.0)}}
            return "chatty 1", read
        serve(load)
    """
    script.write_text(textwrap.dedent(program))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("1.jpg", "2.jpg"):
        (pictures / name).touch()
    held = run(Reader("chatty", (sys.executable, str(script)), ("KTP",), {}), [pictures], threads=1)
    assert held.version == "chatty 1"
    assert held.said["1.jpg"]["fields"] == {"name": {"value": "SITI", "confidence": 0.9}}
    assert held.said["2.jpg"]["error"] == "ZeroDivisionError"


def test_each_peer_has_its_requirements_pinned() -> None:
    for name in ("akshara-ocr", "fktd"):
        lines = [line for line in (PEERS / f"{name}.txt").read_text().splitlines() if not line.startswith("#")]
        assert all("==" in line for line in lines)
        assert lines[0].startswith(name)
