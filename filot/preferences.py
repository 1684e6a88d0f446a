"""What each member of staff chooses for themselves: language, time zone, keys. And the language of every request."""

import zoneinfo
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from filot.models import User
from review.keys import ACTIONS, BadKeys, changed_keys, keys_of

if TYPE_CHECKING:
    UserForm = forms.ModelForm[User]
else:
    UserForm = forms.ModelForm

API_LANGUAGE = "en"
PAGE = "admin:preferences"
YEAR = 365 * 24 * 3600  # seconds

View = Callable[[HttpRequest], HttpResponse]


def language(get_response: View) -> View:
    """The console speaks as its user chose, Indonesian if they did not; all else of the server speaks English.

    Not LocaleMiddleware: what a browser asks for by itself is the language of the machine, not of the person.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(f"/{settings.ADMIN_PATH}"):
            with translation.override(API_LANGUAGE):
                return get_response(request)
        user: Any = request.user
        chosen = getattr(user, "language", "") or request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        zone = getattr(user, "time_zone", "") or settings.CONSOLE_TIME_ZONE
        with translation.override(chosen if chosen in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE):
            with timezone.override(zoneinfo.ZoneInfo(zone)):
                response = get_response(request)
                if isinstance(response, TemplateResponse):
                    response.render()
            response["Content-Language"] = translation.get_language() or ""
            return response

    return middleware


def language_view(request: HttpRequest) -> HttpResponse:
    """The switch in the head of every page, also of the one to log in by. Only POST comes here."""
    chosen, back = request.POST.get("language", ""), request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = reverse("admin:index")
    response = HttpResponseRedirect(back)
    if chosen in dict(settings.LANGUAGES):
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(language=chosen)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=YEAR,
            httponly=True,
            secure=settings.SESSION_COOKIE_SECURE,
            samesite="Lax",
        )
    return response


class PreferencesForm(UserForm):
    """One field for each key beside the columns of the user."""

    class Meta:
        model = User
        fields = ("language", "time_zone", "keys_on")
        labels = {
            "language": gettext_lazy("Language"),
            "time_zone": gettext_lazy("Time zone"),
            "keys_on": gettext_lazy("Keys do something"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, key in keys_of(self.instance.keys).items():
            short = forms.TextInput(attrs={"size": 2, "autocomplete": "off"})
            self.fields[f"key_{name}"] = forms.CharField(
                label=str(ACTIONS[name].what), initial=key, max_length=2, required=False, widget=short
            )

    def key_fields(self) -> list[Any]:
        return [self[f"key_{name}"] for name in ACTIONS]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            self.instance.keys = changed_keys({name: cleaned.get(f"key_{name}") or "" for name in ACTIONS})
        except BadKeys as bad:
            self.add_error(f"key_{bad.action}", str(bad))
        return cleaned


def preferences_view(request: HttpRequest, shown: dict[str, Any]) -> HttpResponse:
    """`shown` is what every page of the console shows. Changes nobody but who asks."""
    user = User.objects.get(username=request.user.get_username())
    form = PreferencesForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        User.objects.filter(pk=user.pk).update(
            **{name: getattr(form.instance, name) for name in ("language", "time_zone", "keys_on", "keys")}
        )
        with translation.override(form.instance.language or settings.LANGUAGE_CODE):
            messages.success(request, _("Kept."))
        return HttpResponseRedirect(reverse(PAGE))
    context = {**shown, "title": _("Preferences"), "form": form}
    return TemplateResponse(request, "admin/preferences.html", context, status=400 if form.errors else 200)
