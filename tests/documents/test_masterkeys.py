"""The master key. KMS is botocore's Stubber: it checks every call against Amazon's own description of the service."""

import uuid
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from documents import keys, masterkeys
from documents.keystore import KeysUnavailable, key_store
from documents.masterkeys import CannotOpen, KmsMaster, LocalMaster
from documents.sealing import seal, unseal

KEY_ID = "alias/filot"
DATA_KEY = bytes(range(32))
SUBJECT = uuid.UUID(int=7)
CONTEXT = {"filot-subject": str(SUBJECT), "filot-version": "1"}
ANSWERED = {"KeyId": "arn:aws:kms:ap-southeast-3:111122223333:key/1"}


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> Any:
    """What KMS will answer, in order; a call that was not foreseen, or is malformed, fails."""
    client = boto3.session.Session().client(
        "kms", region_name="ap-southeast-3", aws_access_key_id="a", aws_secret_access_key="b"
    )
    master = KmsMaster(KEY_ID, client=client)
    monkeypatch.setattr(masterkeys, "_kms", lambda key_id, endpoint, region: master)
    settings.MASTER_KEY_KMS_ID, settings.KEY_STORE = KEY_ID, {"root": tmp_path}
    keys.forget_kept()
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
    keys.forget_kept()


def generates(stubbed: Stubber) -> None:
    stubbed.add_response(
        "generate_data_key",
        {**ANSWERED, "Plaintext": DATA_KEY, "CiphertextBlob": b"wrapped by KMS"},
        {"KeyId": KEY_ID, "KeySpec": "AES_256", "EncryptionContext": CONTEXT},
    )


def test_kms_makes_a_data_key_and_opens_it_again_in_another_process(stubbed: Stubber) -> None:
    generates(stubbed)
    sealed = seal(b"text", subject=SUBJECT, belongs_to="x")
    keys.forget_kept()
    stubbed.add_response(
        "decrypt",
        {**ANSWERED, "Plaintext": DATA_KEY},
        {"KeyId": KEY_ID, "CiphertextBlob": b"wrapped by KMS", "EncryptionContext": CONTEXT},
    )
    assert unseal(sealed, belongs_to="x") == b"text"
    assert unseal(sealed, belongs_to="x") == b"text"  # no second call: the stub has no more answers
    stored = key_store().read(SUBJECT, "1")
    assert stored and DATA_KEY not in stored.data


def test_keys_move_from_the_settings_to_kms(stubbed: Stubber, settings: Any) -> None:
    settings.MASTER_KEY_KMS_ID = ""
    sealed = seal(b"text", subject=SUBJECT, belongs_to="x")
    settings.MASTER_KEY_KMS_ID = KEY_ID
    plain = keys.masterkeys.named("local:k1")
    stored = key_store().read(SUBJECT, "1")
    assert stored
    data_key = plain.unwrap(keys._read(stored.data).data, CONTEXT)
    stubbed.add_response(
        "encrypt",
        {**ANSWERED, "CiphertextBlob": b"wrapped by KMS"},
        {"KeyId": KEY_ID, "Plaintext": data_key, "EncryptionContext": CONTEXT},
    )
    assert keys.rewrap(SUBJECT) == 1
    keys.forget_kept()
    stubbed.add_response("decrypt", {**ANSWERED, "Plaintext": data_key})
    assert unseal(sealed, belongs_to="x") == b"text"


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "AccessDeniedException", "KMSInternalException", "DisabledException"]
)
def test_kms_that_refuses_for_now_is_a_store_that_is_away(stubbed: Stubber, code: str) -> None:
    stubbed.add_client_error("generate_data_key", code)
    with pytest.raises(KeysUnavailable, match=code):
        seal(b"text", subject=SUBJECT, belongs_to="x")


def test_what_kms_will_never_open_is_said_so(stubbed: Stubber) -> None:
    generates(stubbed)
    sealed = seal(b"text", subject=SUBJECT, belongs_to="x")
    keys.forget_kept()
    stubbed.add_client_error("decrypt", "InvalidCiphertextException")
    with pytest.raises(CannotOpen):
        unseal(sealed, belongs_to="x")


def test_kms_at_an_address_of_ones_own_that_is_down(
    settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    settings.MASTER_KEY_KMS_ID, settings.KMS_ENDPOINT, settings.KMS_REGION = KEY_ID, "http://127.0.0.1:9", "local"
    settings.KEY_STORE = {"root": tmp_path}
    with pytest.raises(KeysUnavailable, match="EndpointConnectionError"):
        seal(b"text", subject=uuid.uuid4(), belongs_to="x")


def test_a_master_key_of_the_settings_opens_only_what_it_wrapped_for_this_subject() -> None:
    master = LocalMaster("k", bytes(32))
    plain, wrapped = master.new(CONTEXT)
    assert len(plain) == 32
    assert master.unwrap(wrapped.data, CONTEXT) == plain
    for other in ({**CONTEXT, "filot-version": "2"}, {**CONTEXT, "filot-subject": str(uuid.uuid4())}):
        with pytest.raises(CannotOpen):
            master.unwrap(wrapped.data, other)
    for damaged in (b"", wrapped.data[:-1], wrapped.data[:11]):
        with pytest.raises(CannotOpen):
            master.unwrap(damaged, CONTEXT)
