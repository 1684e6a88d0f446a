"""From the bytes of an uploaded file to the lines of text on it. A plain package: no Django, no settings."""

import os

# onnxruntime's own builds report to their maker from Linux too (1.32), and leave a mark in the folder for temporary
# files: from a service that holds identity documents nothing goes out. Read when the package is first imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
