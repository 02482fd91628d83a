"""Signatures of web hooks by the Standard Webhooks specification: who sent it, when, and that it is whole."""

from base64 import b64decode
from dataclasses import dataclass, field

from standardwebhooks import Webhook

from shared.clock import Clock

__all__ = ["SIGNATURE_HEADERS", "Signer", "key_of"]

_ID, _TIMESTAMP, _SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
SIGNATURE_HEADERS = frozenset({_ID, _TIMESTAMP, _SIGNATURE})
_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64


def key_of(secret: str) -> bytes:
    """Return the key that `secret`, as the specification writes it, stands for. ValueError if it is none."""
    if not secret.startswith(_PREFIX):
        raise ValueError("no prefix")
    encoded = secret.removeprefix(_PREFIX)
    key = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError("too short or too long")
    return key


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs what goes to one receiver."""

    key: bytes = field(repr=False)
    clock: Clock

    def headers(self, message_id: str, body: bytes) -> dict[str, str]:
        """Return the headers of a body sent now; `message_id` stays the same however often it is sent."""
        now = self.clock.now()
        return {
            _ID: message_id,
            _TIMESTAMP: str(int(now.timestamp())),
            _SIGNATURE: Webhook(self.key).sign(message_id, now, body.decode()),
        }
