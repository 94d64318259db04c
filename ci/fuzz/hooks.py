"""What schemathesis does not know of the API."""

import json
import re
import uuid

import schemathesis

schemathesis.serializer.alias("application/x-tar", "application/octet-stream")

VALID_KEY = re.compile(r"[!-~]{1,200}")


@schemathesis.deserializer("application/x-ndjson")
def ndjson(ctx, response):
    """The schema is that of a line; the first stands for all."""
    return json.loads(response.content.splitlines()[0])


@schemathesis.hook
def before_call(ctx, case, **kwargs):
    """Make each valid Idempotency-Key one that was never used: a create that
    repeats a key answers with what it made the first time, which another case
    may have removed, and the fuzzer takes every 201 for something new."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and VALID_KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = f"{key}-{uuid.uuid4()}"
