import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from verification.specimens import encode, render

PROJECT = Path(__file__).resolve().parent.parent.parent


def verify(capsys: Any, *arguments: str) -> list[dict[str, Any]]:
    call_command("verify", *arguments)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def specimen(folder: Path, kind: str, fmt: str = "jpeg") -> tuple[Path, dict[str, Any]]:
    picture, truth = render(kind, "clean", 61)
    file = folder / f"{kind}.{fmt}"
    file.write_bytes(encode(picture, fmt))
    return file, truth


def test_a_card_is_read_and_judged_as_one_json_line(tmp_path: Path, capsys: Any) -> None:
    file, truth = specimen(tmp_path, "ktp")
    (answer,) = verify(capsys, str(file), "--type", "KTP", "--json")
    judged = {"policy", "score", "decision", "reasons", "findings"}
    assert set(answer) == {"file", "type", "engine", "seconds", "kind", "quality", "fields", "lines"} | judged
    assert (answer["kind"], answer["quality"]) == ("ktp", [])
    assert (answer["file"], answer["type"], answer["engine"]) == (str(file), "KTP", "rapidocr")
    assert answer["decision"] == "auto_approve"
    nik = answer["fields"]["nik"]
    assert nik["value"] == truth["fields"]["nik"]
    assert set(nik) >= {"value", "raw", "confidence", "box"}
    assert set(answer["lines"][0]) == {"text", "confidence", "box"}


def test_a_file_that_cannot_be_read_has_its_code_and_the_others_are_read_all_the_same(
    tmp_path: Path, capsys: Any
) -> None:
    good, _ = specimen(tmp_path, "npwp", "png")
    page = tmp_path / "page.pdf"
    page.write_text("<html></html>")
    with pytest.raises(SystemExit) as ended:
        call_command("verify", str(page), str(tmp_path / "nowhere.jpg"), str(good), "--type", "NPWP", "--json")
    assert ended.value.code == 1
    first, second, third = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert set(first) == {"file", "error"}
    assert set(first["error"]) == {"code", "message"}
    assert second["error"]["code"] == "file_not_readable"
    assert third["fields"]["npwpNumber"]["value"]


def test_the_command_needs_no_setting_and_no_service(tmp_path: Path) -> None:
    file, _ = specimen(tmp_path, "blank")
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DATABASE_URL": "postgresql://127.0.0.1:9/none"}
    done = subprocess.run(
        [sys.executable, "manage.py", "verify", str(file), "--type", "KTP"],
        cwd=PROJECT,
        env=bare,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "auto_reject" in done.stdout
