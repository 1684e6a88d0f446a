"""Who the client says a document is of: an optional part of an upload, compared with what is read."""

import json
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

LONGEST = 2000  # characters of the JSON
NIK, NPWP = r"^[0-9]{16}$", r"^[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}\.?[0-9]-?[0-9]{3}\.?[0-9]{3}$|^[0-9]{16}$"


class ApplicantSerializer(serializers.Serializer[Any]):
    """Everything is optional. Errors never hold what was sent."""

    name = serializers.CharField(required=False, max_length=200)
    nik = serializers.RegexField(NIK, required=False)
    npwp = serializers.RegexField(NPWP, required=False, help_text="15 digits, with or without points, or 16")
    birthDate = serializers.DateField(required=False)

    def validate(self, attrs: Mapping[str, Any]) -> Mapping[str, Any]:
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            raise serializers.ValidationError(f"Only {', '.join(self.fields)} are known.")
        return attrs


class ApplicantField(serializers.CharField):
    """The JSON as text, for a form has nothing else; a mapping of what was told. ValidationError for anything else."""

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if len(text) > LONGEST:
            raise serializers.ValidationError(f"At most {LONGEST} characters.")
        try:
            told = json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError):
            raise serializers.ValidationError("This must be a JSON object, each name in it once.") from None
        if not isinstance(told, dict):
            raise serializers.ValidationError("This must be a JSON object.")
        applicant = ApplicantSerializer(data=told)
        applicant.is_valid(raise_exception=True)
        return dict(applicant.data)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found
