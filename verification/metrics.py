"""What reading and judging tell the operators."""

from prometheus_client import Counter, Histogram

OCR_SECONDS = Histogram(
    "filot_ocr_duration_seconds",
    "From claim to fields of one document",
    ["processor", "type", "outcome"],
    buckets=(0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 40, 80),
)
LATENCY_SECONDS = Histogram(
    "filot_verification_latency_seconds",
    "From upload to the automatic outcome",
    ["type", "outcome"],
    buckets=(0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 900, 3600),
)
DECISIONS = Counter("filot_decisions_total", "Automatic outcomes", ["type", "outcome"])
FALLBACKS = Counter("filot_fallbacks_total", "Documents handed from the GPU queue to the CPU queue", ["reason"])
REUSED = Counter("filot_readings_reused_total", "Documents whose file had been read before", ["type"])
REAPED = Counter("filot_reaped_total", "Claims taken from workers that went silent", ["outcome"])
REFUSED_WRITES = Counter("filot_refused_writes_total", "Writes of workers that had lost their claim")
