"""The page of the queue: pills, search, rows, bulk actions, and what is said when nothing is to be had."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import get_language, gettext

from review import console
from review.bulk import actions_of
from review.queue import ORDERS, Filter, Page, filters, listed, makes_sense, order_of, row_of
from review.reasons import RETRY, in_force
from review.rights import rights_of
from review.taking import is_held
from review.undoing import undo_bar

TEMPLATE = "admin/review/review/queue.html"
NAMES = ("state", "risk", "due", "kind", "held", "escalated", "order", "q")


def queue_page(request: HttpRequest, shown: dict[str, Any]) -> HttpResponse:
    """`shown` is what every page of the console shows."""
    asked = {name: request.GET.get(name, "") for name in (*NAMES, "after")}
    if not makes_sense(asked, request.user):
        messages.warning(request, gettext("The address asked for something that there is not."))
        return HttpResponseRedirect(request.path)
    rights = rights_of(request.user)
    bulk = actions_of(rights)
    page = listed(asked, request.user, with_people="assign" in bulk)
    chosen = {name: value for name, value in asked.items() if value and name not in ("after", "order")}
    context = {
        **shown,
        "title": console.QUEUE_TITLE,
        "pills": [_pills(each, asked) for each in filters(request.user)],
        "orders": {
            name: (order.name, _address({**asked, "order": name}), order is order_of(asked))
            for name, order in ORDERS.items()
        },
        "rows": [row_of(review) for review in page.reviews],
        "count": page.total,
        "more": page.more,
        "next_page": _address({**asked, "after": page.after}) if page.after else "",
        "first_page": _address({**asked, "after": ""}) if asked["after"] else "",
        "kept_decisions": page.kept,
        "undo": undo_bar(request),
        "query": asked["q"],
        "narrowed": bool(chosen),
        "may_take": "decide_review" in rights,
        "bulk": bulk,
        "people": page.people,
        "upload_reasons": _upload_reasons() if "new_upload" in bulk and page.reviews else [],
        "all_held_for": _all_held_for(page, request.user) if not chosen and not asked["after"] else "",
    }
    return TemplateResponse(request, TEMPLATE, context)


def _all_held_for(page: Page, user: Any) -> str:
    """How long until the first case frees, when every one that waits is in somebody else's hands."""
    held = [review for review in page.reviews if is_held(review) and review.holder_id != user.pk]
    others = [review.lease_until for review in held if review.lease_until]
    if not others or len(others) < page.total:
        return ""
    return console.duration(min(others) - timezone.now())


def _pills(each: Filter, asked: Mapping[str, str]) -> dict[str, Any]:
    wanted = asked.get(each.name, "")
    known = {choice.value for choice in each.choices}
    return {
        "title": each.title,
        "choices": [
            (
                choice.name,
                _address({**asked, each.name: choice.value, "after": ""}),
                choice.value == (wanted if wanted in known else ""),
            )
            for choice in each.choices
        ],
    }


def _address(asked: Mapping[str, str]) -> str:
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in asked.items() if value})
    return "?" + query.urlencode()


def _upload_reasons() -> list[Any]:
    return [reason for reason in in_force(get_language()).values() if reason.kind == RETRY]
