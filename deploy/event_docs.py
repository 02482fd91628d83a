"""Writes docs/events.md and docs/asyncapi.json from the contracts; `--check` tells whether they still agree.

python -m deploy.event_docs [--check]
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.contracts.envelope import Event
from shared.contracts.registry import EVENT_TYPES, OWNERS
from shared.contracts.topics import TOPICS, TopicKind

__all__ = ["asyncapi", "documents", "main", "markdown"]

DOCS = Path(__file__).resolve().parents[1] / "docs"

_KINDS = {
    TopicKind.EVENT: "facts without personal content; kept for ever; numbered per key without gaps",
    TopicKind.CONTENT: "personal content; compacted; the highest version wins",
    TopicKind.STATE: "entities; compacted; the highest version wins; read to the end before events",
}
_HEADERS = {
    "ce_id": "UUID version 7 of the event; the same on every redelivery",
    "ce_type": "type and version, as listed here",
    "ce_source": "`/huiying/<service>`",
    "ce_subject": "the key",
    "ce_time": "when the fact became true, UTC, ISO 8601",
    "ce_seq": "number of the event within its topic and key, from 1",
    "ce_origin": "`live` or `history` (imported)",
    "ce_causation": "id of the event that caused this one, where there is one",
    "content-type": "`application/json`",
}


def _schema(kind: type[Event]) -> dict[str, Any]:
    return kind.model_json_schema(
        ref_template=f"#/components/messages/{kind.__name__}/payload/$defs/{{model}}"
    )


def _type_of(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type_of(option) for option in field["anyOf"])
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[-1]
    if field.get("type") == "array":
        return f"list of {_type_of(field.get('items', {}))}"
    return str(field.get("format") or field.get("type") or "any")


def _paragraph(kind: type[Event]) -> str:
    return " ".join((kind.__doc__ or "").split())


def markdown() -> str:
    """Return docs/events.md."""
    lines = [
        "# Events",
        "",
        "Generated from `shared/contracts` by `make docs`; do not edit.",
        "",
        "## Envelope",
        "",
        "CloudEvents 1.0, binary mode: attributes are Kafka headers, the value is the payload as JSON and",
        "the key is the entity the event is about.",
        "",
        "| header | meaning |",
        "|---|---|",
        *(f"| `{name}` | {meaning} |" for name, meaning in _HEADERS.items()),
        "",
        "## Topics",
        "",
        "| topic | partitions | kind | dead letters |",
        "|---|---|---|---|",
    ]
    for topic in TOPICS.values():
        if topic.kind is not TopicKind.DEAD:
            row = f"| `{topic.name}` | {topic.partitions} | {topic.kind.value}: {_KINDS[topic.kind]} |"
            lines.append(f"{row} `{topic.name}.dead` |")
    for service, kinds in OWNERS.items():
        lines += ["", f"## Published by {service}"]
        for kind in kinds:
            schema = kind.model_json_schema()
            required = set(schema.get("required", ()))
            lines += ["", f"### `{kind.type}` on `{kind.topic}`", "", _paragraph(kind), ""]
            lines += ["| field | type | required |", "|---|---|---|"]
            for name, field in schema["properties"].items():
                lines.append(f"| `{name}` | {_type_of(field)} | {'yes' if name in required else 'no'} |")
    return "\n".join(lines) + "\n"


def asyncapi() -> str:
    """Return docs/asyncapi.json (AsyncAPI 3.0)."""
    by_topic: dict[str, list[type[Event]]] = {}
    for kind in EVENT_TYPES.values():
        by_topic.setdefault(kind.topic, []).append(kind)
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Huiying events",
            "version": "1",
            "description": "Generated from shared/contracts.",
        },
        "channels": {
            topic: {
                "address": topic,
                "messages": {
                    kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in kinds
                },
                "bindings": {"kafka": {"partitions": TOPICS[topic].partitions}},
            }
            for topic, kinds in by_topic.items()
        },
        "operations": {
            f"{owner}.{kind.type}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{kind.topic}"},
                "messages": [{"$ref": f"#/channels/{kind.topic}/messages/{kind.__name__}"}],
            }
            for owner, kinds in OWNERS.items()
            for kind in kinds
        },
        "components": {
            "messages": {
                kind.__name__: {
                    "name": kind.type,
                    "summary": _paragraph(kind),
                    "contentType": "application/json",
                    "headers": {
                        "type": "object",
                        "properties": {
                            name: {"type": "string", "description": meaning}
                            for name, meaning in _HEADERS.items()
                        },
                    },
                    "payload": _schema(kind),
                }
                for kind in EVENT_TYPES.values()
            }
        },
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def documents() -> Mapping[Path, str]:
    """Return the generated documents by their paths."""
    return {DOCS / "events.md": markdown(), DOCS / "asyncapi.json": asyncapi()}


def main(arguments: list[str]) -> int:
    """Write the documents; with `--check` only compare and return 1 where one differs."""
    stale = [path for path, text in documents().items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.name} does not agree with shared/contracts: run make docs", file=sys.stderr)
        return 1 if stale else 0
    for path, text in documents().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
