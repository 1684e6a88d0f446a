"""`{{ document.status|word }}`: a code of ours in the reader's language."""

from django import template

from review.words import WORDS

register = template.Library()


@register.filter
def word(code: object) -> str:
    """The word for a code; the code itself when it has none."""
    return str(WORDS.get(str(code), code))


@register.filter
def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1f} %"
