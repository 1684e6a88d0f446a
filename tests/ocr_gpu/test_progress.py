import pytest

from ocr_gpu import progress
from ocr_gpu.engine import ENGINES, load_engine
from tests.ocr_gpu import files


def test_a_step_is_told_to_the_innermost_listener_only_and_to_nobody_afterwards() -> None:
    outer: list[str] = []
    inner: list[str] = []
    with progress.told_to(outer.append):
        progress.step()
        with progress.told_to(inner.append):
            progress.step("settling")
        progress.step()
    progress.step()
    assert (outer, inner) == (["reading", "reading"], ["settling"])


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_an_engine_tells_of_every_page_and_line_and_can_be_stopped_there(name: str) -> None:
    engine = load_engine(name, device="cpu", threads=1)
    page = files.page_of(files.card((480, 160), rows=["NIK 9901014501900001", "SITI SPECIMEN"]))
    told: list[str] = []
    with progress.told_to(told.append):
        engine.read([page, page])
    assert len(told) >= 3
    assert set(told) == {"reading"}

    class Enough(BaseException):
        pass

    def stop(doing: str) -> None:
        raise Enough

    with progress.told_to(stop), pytest.raises(Enough):
        engine.read([page])
    assert [line.text for line in engine.read([page])[0]], "it reads on afterwards"
