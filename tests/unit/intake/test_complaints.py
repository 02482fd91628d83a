"""The secret of a tracking link."""

import base64
import re

from services.intake.domain.complaints import new_token


def test_a_token_is_128_bits_that_fit_a_url_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    for token in tokens:
        assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
        assert len(base64.urlsafe_b64decode(token + "==")) == 16
