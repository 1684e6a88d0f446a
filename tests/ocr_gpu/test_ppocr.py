import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy
import onnxruntime
import pytest

from ocr_gpu import ppocr
from ocr_gpu.quads import cut
from tests.ocr_gpu import files


@pytest.fixture(scope="module")
def networks() -> ppocr.Networks:
    return ppocr.load_networks(threads=1)


def test_the_runtime_reports_nothing_to_its_maker(tmp_path: Path) -> None:
    """Where it reports, it first leaves a file with an identity for this machine."""
    env = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    program = [sys.executable, "-c", "import ocr_gpu.ppocr"]
    subprocess.run(program, env={**env, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_the_cut_head_knows_nothing_ascii_and_the_blank(networks: ppocr.Networks) -> None:
    printable = {chr(code) for code in range(32, 127)}
    assert networks.characters[0] == ""
    assert set(networks.characters[1:]) == printable
    assert len(networks.characters) == len(printable) + 1


def test_the_cut_head_scores_its_characters_as_the_packaged_one_does(networks: ppocr.Networks) -> None:
    package = find_spec("rapidocr")
    assert package is not None
    assert package.origin is not None
    whole = onnxruntime.InferenceSession(
        str(Path(package.origin).parent / "models" / ppocr.RECOGNISER), providers=["CPUExecutionProvider"]
    )
    names = ["", *whole.get_modelmeta().custom_metadata_map["character"].splitlines(), " "]
    kept = [names.index(character) for character in networks.characters]
    page = files.page_of(files.card())
    quads = networks.find_lines(page, 736)
    assert len(quads) == 6
    for quad in quads:
        strip = cut(page, quad)
        ours = networks.read_line(strip)
        theirs = whole.run(
            None,
            {
                "x": numpy.ascontiguousarray(
                    (strip[:, :, ::-1] / numpy.float32(127.5) - 1).transpose(2, 0, 1)[None], numpy.float32
                )
            },
        )[0][0][:, kept]
        # A softmax over fewer classes divides by a smaller sum: the ratios stay.
        numpy.testing.assert_allclose(ours, theirs / theirs.sum(axis=1, keepdims=True), atol=2e-3)


def test_a_page_without_writing_has_no_lines(networks: ppocr.Networks) -> None:
    assert networks.find_lines(numpy.full((300, 500, 3), 200, dtype=numpy.uint8), 736) == []


def test_lines_are_found_where_they_stand_on_a_page_of_any_size(networks: ppocr.Networks) -> None:
    page = files.page_of(files.card())
    small = networks.find_lines(page, 736)
    doubled = networks.find_lines(page.repeat(2, axis=0).repeat(2, axis=1), 736)
    assert len(small) == len(doubled)
    for one, other in zip(
        sorted(q.mean(axis=0)[1] for q in small), sorted(q.mean(axis=0)[1] for q in doubled), strict=True
    ):
        assert other / 2 == pytest.approx(one, abs=6)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppocr, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="rapidocr"):
        ppocr.load_networks()
