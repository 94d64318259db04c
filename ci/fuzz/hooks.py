"""What schemathesis does not know of the API."""

import json
import re
import uuid

import schemathesis
from schemathesis.core.failures import ServerError
from schemathesis.openapi.checks import RejectedPositiveData

schemathesis.serializer.alias("application/x-tar", "application/octet-stream")

VALID_KEY = re.compile(r"[!-~]{1,200}")
BARE_TAG = re.compile(r"[0-9a-f]{1,64}")

NOWHERE = "127.0.0.1:1"
"""A registry that is not there, so that a pull reaches for nobody's."""

ADDRESS = "subnets and addresses have a grammar, and belong together"
ARCHIVE = "an archive is bytes to OpenAPI"
IMAGE = "the image says which users and programs there are"
PATH = "a path has no zero byte, and is measured in bytes"
REFERENCE = "a reference has a grammar"
SIGNAL = "a signal is a name or a number"

NARROWER = {
    "attachVolume": "a path is clean and below /, and a subpath within the volume",
    "copyFromContainer": PATH,
    "copyToContainer": f"{ARCHIVE}, and {PATH}",
    "createContainer": f"{IMAGE}, and one field may depend on another",
    "createExec": IMAGE,
    "createNetwork": ADDRESS,
    "createConfig": "base64 may be a byte longer than what fits",
    "createSecret": "base64 may be a byte longer than what fits",
    "createSandbox": "the compute host is only so large",
    "deleteImage": REFERENCE,
    "getEvents": "only the server knows which events there are",
    "getImage": REFERENCE,
    "getImageHistory": REFERENCE,
    "importVolume": ARCHIVE,
    "killContainer": SIGNAL,
    "loadImages": ARCHIVE,
    "pullImage": REFERENCE,
    "restartContainer": SIGNAL,
    "saveImages": REFERENCE,
    "startContainer": IMAGE,
    "statPath": PATH,
    "stopContainer": SIGNAL,
    "tagImage": REFERENCE,
    "untagImage": REFERENCE,
    "updateConfig": "base64 may be a byte longer than what fits",
    "updateSecret": "base64 may be a byte longer than what fits",
    "updateContainer": "the compute host is only so large",
}
"""Operations that may refuse what fits their schemas, and why OpenAPI cannot
say what they take."""

FORM = {
    "invalid_field",
    "invalid_json",
    "invalid_parameter",
    "invalid_query",
    "missing_body",
    "missing_field",
    "missing_parameter",
    "not_supported",
    "unexpected_body",
    "unknown_field",
    "unknown_parameter",
    "unsupported_media_type",
}
"""Codes of what a schema does say, with which no operation may refuse it."""


@schemathesis.hook
def before_load_schema(ctx, raw_schema):
    """Say that there are no other members than the document's: the server
    refuses them in requests, and its answers are to have none."""
    for schema in raw_schema["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)


@schemathesis.hook
def filter_failure(ctx, failure, case, response):
    """Let pass what is no fault of the server."""
    try:
        code = response.json()["code"]
    except (ValueError, LookupError, TypeError):
        return True
    operation = operation_id(case)
    if isinstance(failure, ServerError):
        return (operation, code) != ("pullImage", "registry_unavailable")
    if isinstance(failure, RejectedPositiveData):
        # A prefix of an id may be that of several objects.
        return code in FORM or operation not in NARROWER and code != "ambiguous_id"
    return True


@schemathesis.deserializer("application/x-ndjson")
def ndjson(ctx, response):
    """The schema is that of a line; the first stands for all."""
    if not response.content:
        raise NotImplementedError("there is nothing to hold against the schema")
    return json.loads(response.content.splitlines()[0])


@schemathesis.deserializer("text/event-stream")
def events(ctx, response):
    """The schema is that of an event's data."""
    lines = response.content.decode().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def operation_id(case):
    return case.operation.definition.raw.get("operationId")


def fresh_key(case):
    """Make each valid Idempotency-Key one that was never used: a create that
    repeats a key answers with what it made the first time, which another case
    may have removed, and the fuzzer takes every 201 for something new."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and VALID_KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = f"{key}-{uuid.uuid4()}"


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def of_the_server(case):
    """Send no cursor and no tag that should be valid: only the server makes
    those. A header in quotes the fuzzer reads as JSON, without them."""
    if not is_positive(case):
        return
    if case.query:
        case.query.pop("cursor", None)
    headers = case.headers or {}
    if "If-Match" in headers:
        headers["If-Match"] = "*"
    tag = headers.get("If-None-Match")
    if isinstance(tag, str) and BARE_TAG.fullmatch(tag):
        headers["If-None-Match"] = f'"{tag}"'


def end_now(case):
    """Follow nothing, so that a stream ends by itself. What is no boolean stays
    a fault of the request."""
    query = case.query if case.query is not None else {}
    follow = query.get("follow", True)
    if follow is True or follow == "true":
        query["follow"] = "false"
        case.query = query


def end_soon(case):
    """Wait for a second at most where the time is one that is allowed."""
    query = case.query if case.query is not None else {}
    seconds = str(query.get("timeoutSeconds", 60))
    if seconds.isdecimal() and int(seconds) <= 3600:
        query["timeoutSeconds"] = min(int(seconds), 1)
        case.query = query


def stop_soon(case):
    """Give a program a second at most to end where the time is one that is
    allowed."""
    body = case.body if isinstance(case.body, dict) else {}
    seconds = body.get("timeoutSeconds")
    if type(seconds) is int and 1 < seconds <= 86400:
        body["timeoutSeconds"] = 1


def pull_from_nowhere(case):
    """Keep a reference but for its registry."""
    reference = case.body.get("reference") if isinstance(case.body, dict) else None
    if isinstance(reference, str) and reference:
        case.body["reference"] = f"{NOWHERE}/{reference.rpartition('/')[2][:256]}"


TAMED = {
    "getEvents": end_now,
    "getLogs": end_now,
    "getStats": end_now,
    "pullImage": pull_from_nowhere,
    "restartContainer": stop_soon,
    "stopContainer": stop_soon,
    "waitContainer": end_soon,
}
"""What operations need that would last, or reach out of the machine."""


@schemathesis.hook
def before_call(ctx, case, **kwargs):
    fresh_key(case)
    of_the_server(case)
    tame = TAMED.get(operation_id(case))
    if tame is not None:
        tame(case)
