"""Every way a file can be refused: a stable code, an HTTP status, and a sentence for the person who sent it."""

from typing import NamedTuple

KIND_STATUS = 415
CONTENT_STATUS = 422


class Refusal(NamedTuple):
    status: int
    message: str


REFUSALS: dict[str, Refusal] = {
    "kind_not_accepted": Refusal(KIND_STATUS, "Only JPEG, PNG and PDF files are accepted."),
    "kind_differs": Refusal(KIND_STATUS, "The file is not of the kind it was sent as."),
    "empty_file": Refusal(CONTENT_STATUS, "The file is empty."),
    "not_decodable": Refusal(CONTENT_STATUS, "The file is damaged or incomplete and cannot be opened."),
    "hidden_content": Refusal(CONTENT_STATUS, "The file carries content of another kind inside it."),
    "malware_found": Refusal(CONTENT_STATUS, "The virus scanner found something in the file."),
    "too_many_pixels": Refusal(CONTENT_STATUS, "The picture has more than 40 megapixels. Send a smaller one."),
    "too_many_pages": Refusal(CONTENT_STATUS, "The PDF has more than 5 pages. Send only the card."),
    "pdf_encrypted": Refusal(CONTENT_STATUS, "The PDF is protected. Send it without a password."),
    "no_such_page": Refusal(CONTENT_STATUS, "The file has no such page."),
    "decoder_crashed": Refusal(CONTENT_STATUS, "The file could not be opened safely."),
    "decoder_out_of_memory": Refusal(CONTENT_STATUS, "Opening the file needs more memory than is allowed."),
    "decoder_timed_out": Refusal(CONTENT_STATUS, "Opening the file takes longer than is allowed."),
}


class UnreadableFile(Exception):
    """The file is at fault, and sending the same bytes again ends the same way.

    `code` is a stable word out of REFUSALS, `message` is for a person, `status` is the HTTP status it asks for.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        self.status, self.message = REFUSALS[code]
        super().__init__(code)

    def __reduce__(self) -> tuple[type["UnreadableFile"], tuple[str]]:
        return UnreadableFile, (self.code,)
