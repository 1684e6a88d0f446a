"""What a sender is told of a judgement: a small fixed vocabulary that says how to do better.

Never which digit or field was wrong, and nothing of other documents: who tries out altered cards learns nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from verification.checks import Text
from verification.quality import MESSAGES

ACCEPTED, IN_REVIEW, NOT_ACCEPTED = "accepted", "in_review", "not_accepted"
_OWN: dict[str, Text] = {
    ACCEPTED: Text("Dokumen diterima.", "The document was accepted."),
    IN_REVIEW: Text("Petugas akan memeriksa dokumen ini.", "A person will look at this document."),
    NOT_ACCEPTED: Text("Dokumen tidak dapat diterima.", "The document can't be accepted."),
    "number_unreadable": Text(
        "Nomor pada kartu tidak terbaca jelas. Foto lagi dari dekat dan pastikan nomornya tidak tertutup.",
        "The number on the card can't be read well. Take it again from close by, with nothing over the number.",
    ),
    "name_unreadable": Text(
        "Nama pada kartu tidak terbaca jelas. Foto lagi dari dekat di tempat yang terang.",
        "The name on the card can't be read well. Take it again from close by in good light.",
    ),
    "details_unclear": Text(
        "Beberapa keterangan pada kartu tidak dapat dipastikan.", "Some details on the card could not be confirmed."
    ),
    "details_differ": Text(
        "Keterangan pada kartu berbeda dari data yang Anda isi. Periksa kembali data Anda.",
        "The card does not match the details that you entered. Check what you entered.",
    ),
    "wrong_document": Text(
        "Foto ini tidak tampak seperti kartu yang diminta. Kirim foto kartu yang sesuai, dari depan.",
        "This does not look like the card that was asked for. Send that card, from the front.",
    ),
    "no_card": Text(
        "Foto ini tidak tampak seperti kartu. Kirim foto kartu dari depan.",
        "This does not look like a card. Send a picture of the card, from the front.",
    ),
    "card_expired": Text("Kartu sudah tidak berlaku.", "The card has expired."),
    "unclear_picture": Text(
        "Foto kurang jelas. Foto lagi di tempat yang terang tanpa pantulan, dan tahan ponsel agar tidak goyang.",
        "The picture is not clear. Take it again in good light without reflections, and hold the phone still.",
    ),
}
PICTURE = ("nothing_readable", "two_cards", "photocopy", "screen_photo", "cut_off", "too_small")
CLIENT_REASONS: dict[str, Text] = _OWN | {code: Text(*MESSAGES[code]) for code in PICTURE}
DECIDED = {"auto_approve": ACCEPTED, "auto_reject": NOT_ACCEPTED, "needs_review": IN_REVIEW}


def client_codes(decision: str, codes: Iterable[str]) -> list[str]:
    """The codes to tell, each once, what was decided last. An approved document has only that.

    What nobody could judge has no decision and goes to a person.
    """
    told = [] if decision == "auto_approve" else [code for code in dict.fromkeys(codes) if code in CLIENT_REASONS]
    return [*told, DECIDED.get(decision, IN_REVIEW)]
