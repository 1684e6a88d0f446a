"""Every route, on one page."""

from django.conf import settings
from django.contrib import admin
from django.urls import path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from documents.api import DocumentListView, DocumentView, DownloadView, OriginalView, UploadView
from filot import monitoring
from filot.auth_api import LogoutView, RefreshView, TokenView, VerifyView
from privacy.api import PersonalRequestsView, SecondLookView
from review.api import EscalateView, EvaluateView, StatusView
from review.webhooks import Buli2CallbackView, ReviewCallbackView
from verification.api import ProcessView, ResultView

urlpatterns = [
    # API clients
    path("auth/token", TokenView.as_view(), name="token"),
    path("auth/token/refresh", RefreshView.as_view(), name="token-refresh"),
    path("auth/logout", LogoutView.as_view(), name="logout"),
    path("auth/verify", VerifyView.as_view(), name="auth-verify"),
    path("documents", DocumentListView.as_view(), name="documents"),
    path("documents/upload", UploadView.as_view(), name="upload"),
    path("documents/<uuid:document_id>", DocumentView.as_view(), name="document"),
    path("documents/<uuid:document_id>/process", ProcessView.as_view(), name="process"),
    path("documents/<uuid:document_id>/result", ResultView.as_view(), name="result"),
    path("documents/<uuid:document_id>/download", DownloadView.as_view(), name="download"),
    path("documents/<uuid:document_id>/second-look", SecondLookView.as_view(), name="second-look"),
    path("privacy/requests", PersonalRequestsView.as_view(), name="privacy-requests"),
    path("files/<str:token>", OriginalView.as_view(), name="original"),
    path("verification/evaluate", EvaluateView.as_view(), name="evaluate"),
    path("verification/status/<uuid:document_id>", StatusView.as_view(), name="verification-status"),
    path("verification/<uuid:document_id>/escalate", EscalateView.as_view(), name="escalate"),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    # BULI2
    path("internal/reviews/<uuid:review_id>/callback", ReviewCallbackView.as_view(), name="review-callback"),
    path("internal/buli2/callback", Buli2CallbackView.as_view(), name="buli2-callback"),
    # Operators
    path("health", monitoring.health, name="health"),
    path("health/live", monitoring.live, name="live"),
    path("health/ready", monitoring.ready, name="ready"),
    path("metrics", monitoring.metrics, name="metrics"),
    # Compliance staff
    path(settings.ADMIN_PATH, admin.site.urls),
    re_path(r"^$", RedirectView.as_view(url=f"/{settings.ADMIN_PATH}"), name="home"),
]

handler400 = "filot.errors.bad_request"
handler403 = "filot.errors.permission_denied"
handler404 = "filot.errors.not_found"
handler500 = "filot.errors.server_error"
