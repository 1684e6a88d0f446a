"""Counters of what goes to BULI2. What waits is read from the rows when Prometheus asks, not counted here."""

from prometheus_client import Counter

FORWARDS = Counter("filot_buli2_forwards_total", "Attempts to deliver an exchange to BULI2.", ["outcome"])
RETRIES = Counter("filot_buli2_retries_total", "HTTP tries after the first one of an exchange.")
