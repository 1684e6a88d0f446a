"""How long the breach report takes over so many documents. Writes them in one transaction, which is undone."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, transaction

from privacy.breach import touched

SINCE = datetime(1999, 1, 1, tzinfo=UTC)  # nothing else is of that time
SPAN = timedelta(days=30)

_USERS = """
INSERT INTO filot_user (id, username, password, is_superuser, is_staff, is_active, first_name, last_name, email,
                        date_joined, issuer, subject, display_name, time_zone, language, keys_on, keys)
SELECT gen_random_uuid(), 'bench-' || n, '!', false, false, true, '', '', '', %(since)s, '', '', '', 'Asia/Jakarta', '',
       true, '{}' FROM generate_series(1, %(owners)s) n
"""
_DOCUMENTS = """
WITH owners AS (SELECT id, row_number() OVER () AS n FROM filot_user WHERE username LIKE 'bench-%%')
INSERT INTO documents_document (id, owner_id, type, status, status_since, created_at, updated_at, correlation_id,
    storage_key, content_type, size, sha256, idempotency_key, queue, fallback_reason, attempts, claimed_by,
    number_index, ai_decision)
SELECT gen_random_uuid(), o.id, 'KTP', 'rejected', t.at, t.at, t.at, '', 'bench/' || g.n, 'image/jpeg', 1, '', '', '',
       '', 1, '', '', 'needs_review'
FROM generate_series(1, %(documents)s) AS g(n)
JOIN owners o ON o.n = 1 + g.n %% %(owners)s,
LATERAL (SELECT %(since)s + g.n * (%(span)s / %(documents)s) AS at) t
"""
_EVENTS = """
INSERT INTO documents_documentevent (document_id, before, after, actor, reason, correlation_id, at)
SELECT d.id, '', w.word, 'bench', '', '', d.created_at
FROM documents_document d, unnest(ARRAY['uploaded', 'processing', 'ocr_completed', 'ai_evaluated', 'rejected']) w(word)
WHERE d.storage_key LIKE 'bench/%%'
"""
_RUNS = """
INSERT INTO verification_verificationrun (id, document_id, attempt, queue, worker, outcome, reason, started_at, page,
    engine, engine_version, device, parser_version, policy, policy_version, thresholds, decision, points, reasons)
SELECT gen_random_uuid(), id, 1, 'ocr.cpu', 'w', 'judged', '', created_at, 0, '', '', '', '', '', '', '{}', '', '{}',
       '[]' FROM documents_document WHERE storage_key LIKE 'bench/%%'
"""


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--documents", type=int, default=100_000)
        parser.add_argument("--owners", type=int, default=60_000)

    def handle(self, *args: Any, **options: Any) -> None:
        facts = {"since": SINCE, "span": SPAN, "documents": options["documents"], "owners": options["owners"]}
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = 0")
                for statement in (_USERS, _DOCUMENTS, _EVENTS, _RUNS):
                    cursor.execute(statement, facts)
                cursor.execute("ANALYZE")
            for name, stored in (("touched", False), ("stored", True)):
                began = time.perf_counter()
                found = list(touched(SINCE, SINCE + SPAN * 2, stored=stored))
                took = time.perf_counter() - began
                documents = sum(each.documents for each in found)
                self.stdout.write(f"{name}: {len(found)} owners of {documents} documents in {took:.2f} s")
            transaction.set_rollback(True)
