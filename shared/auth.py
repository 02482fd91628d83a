"""Who is asking: verifies the tokens that dispatch signs, with the keys it publishes.

A token is a JWT signed with Ed25519, in a cookie for people and in `Authorization: Bearer` for programs.
Every service verifies it alone, from its own copy of `directory.state` (refreshed every second): dispatch
being down signs nobody out, and a disabled person or a revoked session is refused within five seconds.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from fastapi import Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey
from sqlalchemy.ext.asyncio import AsyncSession

from shared import state
from shared.clock import Clock
from shared.contracts.dispatch import PersonState, Role, SessionRevoked, SigningKeyState
from shared.database import Sessions
from shared.fresh import Fresh

__all__ = [
    "ALGORITHM",
    "SESSION_LIFE",
    "ForbiddenError",
    "Principal",
    "SignInRequiredError",
    "Verifier",
    "cookie_name",
    "forget_ended_sessions",
    "mint",
    "require",
    "signed_in",
    "who",
]

ALGORITHM = "Ed25519"
SESSION_LIFE = timedelta(hours=12)

STAFF = frozenset(Role) - {Role.SERVICE}


class SignInRequiredError(Exception):
    """Nobody is signed in, or the session is over."""


class ForbiddenError(Exception):
    """The person may not do this; the message, in Chinese, says what is missing."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified person or program. `unit` limits what a unit's people see."""

    person_id: UUID
    name: str
    role: Role
    unit: str | None
    token_id: str
    expires_at: datetime

    def sees_unit(self, unit: str) -> bool:
        """Whether cases of `unit` are theirs to see: their own unit's, or all for the company's own roles."""
        if self.role in {Role.UNIT_MEMBER, Role.UNIT_LEADER}:
            return self.unit == unit
        return self.role is not Role.SERVICE or self.unit in {None, unit}


@dataclass(frozen=True, slots=True)
class _Directory:
    keys: KeySet
    persons: dict[str, PersonState]
    revoked: frozenset[str]
    verified: dict[str, Principal] = field(default_factory=dict)
    """Tokens that were verified against this reading: checking a signature costs more than all the rest."""


@dataclass(slots=True)
class Verifier:
    """Turns tokens into principals, from this service's copy of the directory."""

    sessions: Sessions
    clock: Clock
    _directory: Fresh[_Directory] = field(init=False)

    def __post_init__(self) -> None:
        self._directory = Fresh(self.sessions, _load)

    async def verify(self, token: str) -> Principal:
        """Return who holds `token`. SignInRequiredError if it is not, or no longer, valid."""
        directory = await self._directory.get()
        principal = directory.verified.get(token)
        if principal is None:
            principal = directory.verified[token] = self._read(directory, token)
        if principal.expires_at <= self.clock.now():
            raise SignInRequiredError
        return principal

    def _read(self, directory: _Directory, token: str) -> Principal:
        try:
            claims = jwt.decode(token, directory.keys, algorithms=[ALGORITHM]).claims
            expires_at = datetime.fromtimestamp(int(claims["exp"]), tz=self.clock.now().tzinfo)
            person = directory.persons.get(str(claims["sub"]))
            issued_at = float(claims["iat"])
            token_id = str(claims["jti"])
        except (JoseError, ValueError, KeyError, TypeError):
            raise SignInRequiredError from None
        if person is None or person.disabled or token_id in directory.revoked:
            raise SignInRequiredError
        if issued_at < person.valid_from.timestamp():
            raise SignInRequiredError
        return Principal(person.person_id, person.name, person.role, person.unit, token_id, expires_at)


async def _load(session: AsyncSession) -> _Directory:
    keys = [OKPKey.import_key(dict(key.public_jwk)) for key in await state.load_all(session, SigningKeyState)]
    persons = {str(one.person_id): one for one in await state.load_all(session, PersonState)}
    revoked = frozenset(one.token_id for one in await state.load_all(session, SessionRevoked))
    return _Directory(KeySet(list(keys)), persons, revoked)


async def forget_ended_sessions(session: AsyncSession) -> None:
    """Delete what is known of revoked sessions whose tokens have expired anyway."""
    expires_at = sa.cast(state.state_entries.c.body["expires_at"].astext, sa.DateTime(timezone=True))
    await state.forget(session, SessionRevoked, expires_at < sa.func.now())


def mint(
    key: OKPKey, person_id: UUID, *, token_id: str, now: datetime, life: timedelta = SESSION_LIFE
) -> str:
    """Sign a token for a person; only dispatch holds a private key."""
    claims = {
        "sub": str(person_id),
        "jti": token_id,
        "iat": now.timestamp(),
        "exp": int((now + life).timestamp()),
    }
    header = {"alg": ALGORITHM, "kid": key.kid}
    return jwt.encode(header, claims, key, algorithms=[ALGORITHM])


def cookie_name(*, secure: bool) -> str:
    """Name of the session cookie: host-bound under https."""
    return "__Host-huiying" if secure else "huiying"


async def who(request: Request) -> Principal | None:
    """Dependency: the person behind a request, None for the public."""
    token = _token_of(request)
    if token is None:
        return None
    verifier: Verifier = request.app.state.verifier
    try:
        return await verifier.verify(token)
    except SignInRequiredError:
        return None


async def signed_in(request: Request) -> Principal:
    """Dependency: the signed-in person. SignInRequiredError for the public."""
    principal = await who(request)
    if principal is None:
        raise SignInRequiredError
    return principal


def require(*roles: Role) -> Callable[[Request], object]:
    """Dependency that lets only `roles` in. SignInRequiredError or ForbiddenError for others."""
    allowed: Collection[Role] = frozenset(roles)

    async def allowed_principal(request: Request) -> Principal:
        principal = await signed_in(request)
        if principal.role not in allowed:
            raise ForbiddenError("您的账号没有这项操作的权限")
        return principal

    return allowed_principal


def _token_of(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    secure = str(request.app.state.public_url).startswith("https://")
    return request.cookies.get(cookie_name(secure=secure))
