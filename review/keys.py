"""The console's keys: what each does, and which one it is for a user who changed them."""

from collections.abc import Mapping
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

KEY_LETTERS = 1  # a key is one character, typed without Ctrl or Alt
RESERVED = frozenset("123456789 ")  # reasons of a rejection; the space bar scrolls


class Action(NamedTuple):
    key: str
    what: str | Promise


# Escape, the arrows and the figures keep their meaning for everybody.
ACTIONS: dict[str, Action] = {
    "next": Action("n", _("Take the next case")),
    "approve": Action("a", _("Approve")),
    "reject": Action("r", _("Reject, then 1 to 9 for the reason")),
    "new_upload": Action("u", _("Ask for a new upload")),
    "escalate": Action("e", _("Escalate")),
    "skip": Action("s", _("Skip: give the case back")),
    "undo": Action("z", _("Undo the last decision")),
    "field_next": Action("j", _("Next field")),
    "field_previous": Action("k", _("Previous field")),
    "zoom_in": Action("+", _("Larger")),
    "zoom_out": Action("-", _("Smaller")),
    "fit": Action("0", _("Fit the picture")),
    "turn_left": Action("[", _("Turn to the left")),
    "turn_right": Action("]", _("Turn to the right")),
    "boxes": Action("b", _("Boxes on and off")),
    "reveal": Action("v", _("Show the number")),
    "compare": Action("d", _("Compare with a document of the same number")),
    "note": Action("m", _("Write a note")),
    "history": Action("h", _("History")),
    "search": Action("/", _("Search")),
    "help": Action("?", _("These keys")),
}


class BadKeys(Exception):
    """The text is for the user; `action` is the one that it is about."""

    def __init__(self, action: str, message: str | Promise) -> None:
        super().__init__(str(message))
        self.action = action


def keys_of(changed: Mapping[str, str]) -> dict[str, str]:
    """{action: key} with the user's own keys in the place of ours."""
    return {name: changed.get(name) or action.key for name, action in ACTIONS.items()}


def changed_keys(wanted: Mapping[str, str]) -> dict[str, str]:
    """What to store of `wanted`: the keys that are not ours already. Raises BadKeys."""
    taken: dict[str, str] = {}
    for name, key in keys_of({name: key.strip().lower() for name, key in wanted.items()}).items():
        if len(key) != KEY_LETTERS or key in RESERVED or not key.isprintable():
            raise BadKeys(name, _("One character, and none of the figures 1 to 9."))
        if key in taken:
            raise BadKeys(name, _("Two actions have the key %(key)s.") % {"key": key})
        taken[key] = name
    return {name: key for key, name in taken.items() if key != ACTIONS[name].key}
