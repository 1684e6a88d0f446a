"""The pages of the second step: a code, or the enrolment at the first log-in."""

import io
from typing import Any

import segno
from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from documents.storage import StoreUnavailable
from filot import second_factor
from filot.throttling import refused_login

NEW_KEY = "second_factor_key"  # of the session, sealed, until it is enrolled
NEXT = "next"


class TwoStepSite(AdminSite):
    """An admin site that nobody sees before both steps, whoever they are."""

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and second_factor.has_passed(request)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [path("second-step/", self.second_step, name="second_step"), *super().get_urls()]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "POST" and (refused := refused_login(request, request.POST.get("username", ""))):
            return refused
        answer = super().login(request, extra_context)
        if AdminSite.has_permission(self, request) and not second_factor.has_passed(request):
            return HttpResponseRedirect(reverse("admin:second_step", query={NEXT: _wanted(request)}))
        return answer

    @method_decorator(never_cache)
    @method_decorator(csrf_protect)
    def second_step(self, request: HttpRequest) -> HttpResponse:
        if not AdminSite.has_permission(self, request):
            return redirect_to_login(_wanted(request), reverse("admin:login"))
        if second_factor.has_passed(request):
            return HttpResponseRedirect(_wanted(request))
        if request.method == "POST" and (refused := refused_login(request, f"second step {request.user.pk}")):
            return refused
        try:
            return self._verify(request) if second_factor.is_enrolled(request.user) else self._enrol(request)
        except StoreUnavailable:  # of the data keys, under which the secret is sealed
            shown = {
                "title": _("Second step"),
                "problem": _("The codes can't be checked at the moment. Try again soon."),
            }
            return self._page(request, "verify", shown, status=503)

    def _verify(self, request: HttpRequest) -> HttpResponse:
        user, problem = request.user, ""
        if request.method == "POST":
            if second_factor.verify(user, request.POST.get("code", "")):
                second_factor.pass_on(request, user)
                return HttpResponseRedirect(_wanted(request))
            problem = _("That is not the code of now. After a wrong code the next is taken only after a pause.")
        shown = {"title": _("Second step"), "problem": problem, "demo_code": second_factor.demo_code(user)}
        return self._page(request, "verify", shown, status=403 if problem else 200)

    def _enrol(self, request: HttpRequest) -> HttpResponse:
        user, problem = request.user, ""
        key = second_factor.waiting_key(user, request.session.get(NEW_KEY, ""))
        if request.method == "POST":
            code = "".join(request.POST.get("code", "").split())
            codes = second_factor.enrol(user, key=key, code=code, actor=str(user.pk))
            if codes is not None:
                request.session.pop(NEW_KEY, None)
                second_factor.pass_on(request, user)
                return self._page(request, "recovery", {"title": _("Recovery codes"), "codes": codes})
            problem = _("That is not the code of now. Is the clock of your telephone right?")
        request.session[NEW_KEY] = second_factor.sealed_key(user, key)
        shown = {
            "title": _("Set up the second step"),
            "problem": problem,
            "qr": qr_code(second_factor.key_address(user, key)),
            "key_text": second_factor.key_text(key),
            "demo_code": second_factor.current_code(key) if second_factor.is_demo(user) else "",
        }
        return self._page(request, "enrol", shown, status=403 if problem else 200)

    def _page(self, request: HttpRequest, name: str, shown: dict[str, Any], status: int = 200) -> HttpResponse:
        context = {**self.each_context(request), NEXT: _wanted(request), **shown}
        return TemplateResponse(request, f"admin/otp/{name}.html", context, status=status)


def _wanted(request: HttpRequest) -> str:
    """Where the visitor wanted to go, if it is a page of ours."""
    wanted = request.POST.get(NEXT) or request.GET.get(NEXT) or ""
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    login = reverse("admin:login")
    return wanted if ours and not wanted.startswith(login) else f"/{settings.ADMIN_PATH}"


def qr_code(text: str) -> SafeString:
    """An inline SVG without style or script: the page's policy allows neither."""
    out = io.BytesIO()
    plain: dict[str, Any] = {"xmldecl": False, "svgclass": "qr", "lineclass": None}
    segno.make(text, error="m").save(out, kind="svg", scale=5, border=3, dark="#000", light="#fff", **plain)
    return mark_safe(out.getvalue().decode())  # noqa: S308 made by segno, of which `text` is drawn and not written
