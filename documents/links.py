"""Links to an original that carry their own permission and die on time.

Originals are sealed in the store, so a link of the store's own would deliver sealed bytes: the link leads here.
"""

from django.conf import settings
from django.core import signing

SALT = "documents.links"


def download_token(document_id: str) -> str:
    """A URL-safe token that `document_id_of` accepts for settings.DOWNLOAD_LINK_SECONDS."""
    return signing.dumps(document_id, salt=SALT)


def document_id_of(token: str) -> str | None:
    """The id of the document, or None when the token is not ours or too old."""
    try:
        document_id: str = signing.loads(token, salt=SALT, max_age=settings.DOWNLOAD_LINK_SECONDS)
    except signing.BadSignature:
        return None
    return document_id
