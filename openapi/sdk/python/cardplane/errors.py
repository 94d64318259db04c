"""Errors of the control plane and of the way to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class CardplaneError(Exception):
    """An error with a class and a code. str() is one sentence: what is wrong and what to do."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        kind: str,
        status: int | None = None,
        field: str | None = None,
        evidence: list[str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(message)
        #: Stable and machine-readable, such as "image_not_found".
        self.code = code
        #: What can be done about it, such as "not_found".
        self.kind = kind
        #: The HTTP status; None when there was no answer.
        self.status = status
        #: JSON pointer of the field of the request that is wrong, or the name of the parameter.
        self.field = field
        #: Last lines of a console or log that explain the failure.
        self.evidence = evidence or []
        #: Everything that was found wrong with the request, as FieldErrors.
        self.errors = errors or []


def from_problem(problem: Mapping[str, Any]) -> CardplaneError:
    """The error that a problem document describes."""
    return CardplaneError(
        problem["detail"],
        code=problem["code"],
        kind=problem["class"],
        status=problem["status"],
        field=problem.get("field"),
        evidence=problem.get("evidence"),
        errors=problem.get("errors"),
    )


def from_answer(status: int, body: bytes) -> CardplaneError:
    """The error of an answer whose status is 400 or more."""
    try:
        return from_problem(json.loads(body))
    except (ValueError, KeyError, TypeError):
        text = f"the server answered {status}: {body[:200]!r}"
        return CardplaneError(text, code="unexpected_response", kind="internal", status=status)


def lost(endpoint: str, cause: object) -> CardplaneError:
    """The error of a connection that broke or did not come about."""
    text = f"the connection to cardplaned at {endpoint} failed: {cause}"
    return CardplaneError(text, code="connection_lost", kind="unavailable")
