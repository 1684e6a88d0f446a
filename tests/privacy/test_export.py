"""A person's bundle: readable, whole, for nobody else's eyes."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from documents.models import AuditEntry
from documents.status import Status
from filot.models import User
from privacy import export
from privacy.export import export_subject
from privacy.models import RequestKind, RequestState
from privacy.requests import ask
from tests.privacy.people import NAME, NIK, NOTE, ORIGINAL, PAGE, document_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]


def test_it_holds_originals_fields_decisions_events_and_nobody_elses(
    owner: User, stranger: User, tmp_path: Path
) -> None:
    rejected, waiting = document_of(owner), document_of(owner, Status.auto_reject)
    other = document_of(stranger)
    out = io.StringIO()
    call_command("export_subject", str(owner.pk), str(tmp_path / "b.zip"), "--by", "dpo-1", stdout=out)
    assert "2 documents written" in out.getvalue()
    assert (tmp_path / "b.zip").stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(tmp_path / "b.zip") as bundle:
        assert bundle.testzip() is None
        names = bundle.namelist()
        everything = {name: bundle.read(name) for name in names}
    assert len([name for name in names if name.startswith("originals/")]) == 2
    assert {data for name, data in everything.items() if name.startswith("originals/")} == {ORIGINAL}
    assert {data for name, data in everything.items() if name.startswith("pages/")} == {PAGE}
    documents = json.loads(everything["documents.json"])
    assert [each["id"] for each in documents] == [str(rejected.pk), str(waiting.pk)]
    first = documents[0]
    assert first["toldWithIt"] == {"name": NAME, "nik": NIK}
    assert first["readings"][0]["fields"]["name"]["value"] == NAME
    assert first["review"]["decisions"][0]["note"] == NOTE
    assert first["review"]["messages"][0]["body"]["parsedData"]["name"] == NAME
    assert json.loads(everything["person.json"])["id"] == str(owner.pk)
    assert not [name for name, data in everything.items() if str(other.pk).encode() in data]
    entry = AuditEntry.objects.get(action="subject.exported")
    assert (entry.actor, entry.subject, entry.facts) == ("dpo-1", str(owner.pk), {"documents": 2})


def test_it_overwrites_nothing_and_leaves_no_half_bundle(
    owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_of(owner)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "b.zip").write_text("mine")
    with pytest.raises(CommandError, match="is there already"):
        call_command("export_subject", str(owner.pk), str(folder / "b.zip"))
    monkeypatch.setattr(export, "_document", lambda document: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_subject(owner.pk, folder / "c.zip", by="x")
    assert [path.name for path in folder.iterdir()] == ["b.zip"]
    assert (folder / "b.zip").read_text() == "mine"


def test_a_request_for_access_is_answered_by_it(owner: User, tmp_path: Path) -> None:
    asked, _ = ask(owner, RequestKind.access)
    export_subject(owner.pk, tmp_path / "b.zip", by="dpo-1")
    asked.refresh_from_db()
    assert (asked.state, asked.outcome) == (RequestState.done, "exported")
