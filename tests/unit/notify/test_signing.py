"""Signatures of web hooks, against the specification's own arithmetic."""

import hmac
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime

from services.notify.signing import SIGNATURE_HEADERS, Signer, key_of

KEY = bytes(range(32))


@dataclass
class Standing:
    """A clock that stands still."""

    at: datetime

    def now(self) -> datetime:
        return self.at


def test_id_time_and_body_are_signed_together() -> None:
    signer = Signer(KEY, Standing(datetime(2026, 11, 22, 6, 5, 7, 900_000, tzinfo=UTC)))
    headers = signer.headers("0192-key", "{“通知”}".encode())

    signed = hmac.digest(KEY, b"0192-key.1795327507." + "{“通知”}".encode(), "sha256")
    assert headers == {
        "webhook-id": "0192-key",
        "webhook-timestamp": "1795327507",
        "webhook-signature": f"v1,{b64encode(signed).decode()}",
    }
    assert headers.keys() == SIGNATURE_HEADERS


def test_a_signer_does_not_show_its_key() -> None:
    key = key_of(f"whsec_{b64encode(KEY).decode()}")

    assert key == KEY
    assert repr(KEY) not in repr(Signer(key, Standing(datetime(2026, 11, 22, tzinfo=UTC))))
