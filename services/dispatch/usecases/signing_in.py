"""The way from a typed password to a session: limits, the password check, the outcome kept."""

from dataclasses import dataclass, field

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from services.dispatch.domain.accounts import normal_account
from services.dispatch.store.accounts import find_person, find_person_by_account
from services.dispatch.usecases import accounts
from services.dispatch.usecases.directory import check_password
from services.dispatch.usecases.passwords import Passwords
from shared.auth import Principal
from shared.clock import Clock
from shared.database import Sessions, run_unit
from shared.problems import Problem, field_problem

__all__ = ["MINUTES", "PER_ACCOUNT", "PER_ADDRESS", "SignInDesk"]

MINUTES = 5
PER_ACCOUNT = 10
PER_ADDRESS = 100

_WRONG = "账号或密码不对"
_WRONG_CURRENT = "现在的密码不对"
_SAME = "新密码与现在的密码一样，请换一个"
_WITHOUT = "这个账号不用密码登录"
_TOO_OFTEN = f"尝试的次数太多，请 {MINUTES} 分钟后再试"


@dataclass(slots=True)
class SignInDesk:
    """Signs people in, one per application; counts tries per account and per address in this process.

    The password is checked between two transactions: no connection is held while hashes are computed.
    """

    sessions: Sessions
    clock: Clock
    passwords: Passwords = field(default_factory=Passwords)
    _tries: MemoryStorage = field(default_factory=MemoryStorage)
    _per_account: RateLimitItemPerMinute = field(
        default_factory=lambda: RateLimitItemPerMinute(PER_ACCOUNT, MINUTES, namespace="account")
    )
    _per_address: RateLimitItemPerMinute = field(
        default_factory=lambda: RateLimitItemPerMinute(PER_ADDRESS, MINUTES, namespace="address")
    )

    async def sign_in(self, account: str, password: str, address: str) -> accounts.SignedIn:
        """Return the new session. Problem 401 for a wrong account or password, never saying which.

        Problem 429 after too many failed tries for the account or from the address, 503 in a flood.
        """
        name = normal_account(account)
        self._count_try(name, address)
        person = await run_unit(self.sessions, lambda session: find_person_by_account(session, name))
        fits, better = await self.passwords.check(password, person.password_hash if person else None)
        if person is None or not fits:
            await run_unit(self.sessions, lambda session: accounts.record_refusal(session, name))
            raise Problem(401, _WRONG)
        signed_in = await run_unit(
            self.sessions, lambda session: accounts.sign_in(session, person, self.clock, better_hash=better)
        )
        if signed_in is None:
            raise Problem(401, _WRONG)
        self._forget_try(name, address)
        return signed_in

    async def change_password(
        self, who: Principal, current: str, new: str, address: str
    ) -> accounts.SignedIn:
        """Return a new session with the new password in force; every other session of the person ends.

        Problem 422 by field for a wrong `current` or a weak `password`, 409 for an account without one, 429
        and 503 as `sign_in`.
        """
        person = await run_unit(self.sessions, lambda session: find_person(session, who.person_id))
        if person is None or person.password_hash is None:
            raise Problem(409, _WITHOUT)
        check_password(new, person.account)
        self._count_try(person.account, address)
        fits, _ = await self.passwords.check(current, person.password_hash)
        if not fits:
            raise field_problem("current", _WRONG_CURRENT)
        if new == current:
            raise field_problem("password", _SAME)
        chosen = await self.passwords.hash(new)
        begun = await run_unit(
            self.sessions,
            lambda session: accounts.change_own_password(session, person, chosen, self.clock),
        )
        if begun is None:
            raise field_problem("current", _WRONG_CURRENT)
        self._forget_try(person.account, address)
        return begun

    def _count_try(self, account: str, address: str) -> None:
        """Counted before the check, so that many tries at once are no way around."""
        limiter = FixedWindowRateLimiter(self._tries)
        if not limiter.hit(self._per_address, address) or not limiter.hit(self._per_account, account):
            raise Problem(429, _TOO_OFTEN)

    def _forget_try(self, account: str, address: str) -> None:
        self._tries.clear(self._per_account.key_for(account))
        self._tries.decr(self._per_address.key_for(address))
