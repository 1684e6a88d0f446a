"""From the bytes of an uploaded file to the lines of text on it. A plain package: no Django, no settings."""
