"""Prints the part of the public API's document that cardplane/rest is generated from.

The generator knows no answers but JSON: operations that have only others are for
cardplane/client.py. Errors are raised, so that no operation answers with one.
"""

import json
import sys

from ruamel.yaml import YAML

METHODS = {"get", "put", "post", "delete", "patch"}
BODIES = {"application/json", "application/octet-stream"}


def narrow(operation: dict) -> bool:
    """Leaves of an operation what the generator knows, and tells whether that is enough to call it."""
    answers = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
    operation["responses"] = answers
    for answer in answers.values():
        if "content" in answer:
            answer["content"] = {kind: body for kind, body in answer["content"].items() if kind == "application/json"}
    bodies = operation.get("requestBody", {}).get("content", {}).keys()
    return bool(answers) and all(answer.get("content", True) for answer in answers.values()) and bodies <= BODIES


def main() -> None:
    document = YAML(typ="safe").load(sys.stdin)
    for path, item in list(document["paths"].items()):
        for method in METHODS & item.keys():
            if not narrow(item[method]):
                del item[method]
        if not METHODS & item.keys():
            del document["paths"][path]
    json.dump(document, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
