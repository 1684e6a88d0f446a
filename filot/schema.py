"""What the OpenAPI schema says of every operation: that its errors have the one shape of `filot.errors`."""

from typing import Any

ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["success", "error"],
    "properties": {
        "success": {"type": "boolean", "const": False},
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "correlationId"],
            "properties": {
                "code": {"type": "string", "description": "a stable word for programs"},
                "message": {"type": "string", "description": "a text for a person"},
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["field", "message"],
                        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                    },
                },
                "correlationId": {"type": "string"},
            },
        },
    },
}
RESPONSES = {
    "Unauthorized": ("No token, or one that is not valid; `WWW-Authenticate` says what is asked for.", "401"),
    "Error": ("Any other error; with `Retry-After` when it is 429 or 503.", "default"),
}


def add_errors(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    components["responses"] = {
        name: {"description": description, "content": content} for name, (description, _) in RESPONSES.items()
    }
    for operations in result["paths"].values():
        for operation in operations.values():
            for name, (_, status) in RESPONSES.items():
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return result
