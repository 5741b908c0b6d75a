"""The server's description of itself (OpenAPI 3.1)."""

from __future__ import annotations

from typing import Any

from booru_tagger.server.tagging.pool import RequestLimits

_ERROR = {
    "type": "object",
    "required": ["error", "message"],
    "properties": {"error": {"type": "string"}, "message": {"type": "string"}},
}
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1},
        "threshold": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.1},
        "limit": {"type": "integer", "minimum": 0, "maximum": 10_000, "default": 50},
        "format": {"type": "string", "enum": ["json", "html"], "default": "html"},
    },
}
_ENCODED = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {"type": "string", "description": "The picture in base64; a data URL is one, too."},
        "model": {"type": "string"},
        "threshold": {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
    },
}
_SCORES = {"type": "object", "additionalProperties": {"type": "number"}}
_EVALUATION = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["filename", "tags"],
        "properties": {"filename": {"type": "string"}, "tags": _SCORES},
    },
}
_CAPTION = {
    "type": "object",
    "required": ["caption"],
    "properties": {
        "caption": {
            "type": "object",
            "required": ["rating", "tag"],
            "properties": {"rating": _SCORES, "tag": _SCORES},
        }
    },
}
_RESULTS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["schema", "path", "faces", "tags", "error"],
        "properties": {"schema": {"const": 1}, "path": {"type": "string"}},
    },
}
_REFUSALS = {
    "400": "The request is malformed.",
    "401": "The token is missing or wrong.",
    "408": "The request did not arrive in time.",
    "413": "The request or a picture is too large.",
    "422": "A picture cannot be read.",
    "503": "Too many requests are waiting; see Retry-After.",
}


def document(bounds: RequestLimits, model: str) -> dict[str, Any]:
    """The document for a server of these bounds and this model."""
    form, encoded = ("multipart/form-data", _FORM), ("application/json", _ENCODED)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "booru-tagger",
            "version": "1",
            "description": f"Tags anime pictures with {model}. At most {bounds.body} bytes and "
            f"{bounds.files} pictures in a request.",
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR},
        },
        "paths": {
            "/": {"get": _operation("A page to try it", {"text/html": {"schema": {"type": "string"}}})},
            "/evaluate": {
                "post": _operation(
                    "Tags with scores, as danbooru/autotagger answers",
                    {
                        "application/json": {"schema": _EVALUATION},
                        "text/html": {"schema": {"type": "string"}},
                    },
                    form,
                )
            },
            "/v1/tag": {
                "post": _operation("The faces and tags of each picture", _json(_RESULTS), form, encoded)
            },
            "/tagger/v1/interrogate": {
                "post": _operation(
                    "Tags with scores, as the SD-webui tagger answers", _json(_CAPTION), encoded, missing=True
                )
            },
            "/tagger/v1/interrogators": {"get": _operation("The models", _json({"type": "object"}))},
            "/tagger/v1/unload-interrogators": {
                "post": _operation("Does nothing", _json({"type": "string"}))
            },
            "/healthz": {
                "get": _operation("Whether it runs", {"text/plain": {"schema": {"type": "string"}}})
            },
            "/metrics": {
                "get": _operation("Counts for Prometheus", {"text/plain": {"schema": {"type": "string"}}})
            },
            "/openapi.json": {"get": _operation("This document", _json({"type": "object"}))},
        },
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _operation(
    summary: str, content: dict[str, Any], *bodies: tuple[str, dict[str, Any]], missing: bool = False
) -> dict[str, Any]:
    error = _json({"$ref": "#/components/schemas/Error"})
    refusals = _REFUSALS if bodies else {"401": _REFUSALS["401"]}
    if missing:
        refusals = {**refusals, "404": "There is no such model."}
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {
            "200": {"description": summary, "content": content},
            **{status: {"description": text, "content": error} for status, text in refusals.items()},
        },
        "security": [{}, {"token": []}],
    }
    if bodies:
        schemas = {kind: {"schema": schema} for kind, schema in bodies}
        operation["requestBody"] = {"required": True, "content": schemas}
    return operation
