import re
from typing import Any

from django.core.management import call_command


def test_each_part_that_ran_has_its_seconds_and_none_takes_longer_than_all(capsys: Any) -> None:
    call_command("bench_parts", "--level", "clean", "--count", "1")
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("rapidocr")
    seconds = {match[1]: float(match[2]) for row in rows if (match := re.fullmatch(r" *(.+?) +([0-9.]+)", row))}
    assert {"all of it", "detector (rapidocr)", "recogniser (rapidocr)", "the number's strips"} <= set(seconds)
    assert "both networks (easyocr)" not in seconds
    assert 0 < max(seconds.values()) == seconds["all of it"]
