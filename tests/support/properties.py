"""How many examples a property gets."""

from hypothesis import settings

__all__ = ["heart"]


def heart() -> settings:
    """Settings of a property that much depends on: twice the profile's examples (see conftest)."""
    return settings(max_examples=2 * settings().max_examples)
