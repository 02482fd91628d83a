"""The page of the units' performance pools, which cap what a month can cost them."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from services.assessment.domain.pools import AmountError, Pool, read_yuan
from services.assessment.pages.reader import Here, Visit
from services.assessment.usecases import months, statements
from shared.auth import require
from shared.problems import Problem

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_POOLS = "/assessment/pools"


class PoolForm(BaseModel):
    """What the form for a pool holds: an amount, or the word that there is no cap from then on."""

    unit: str = Field(default="", max_length=50)
    from_month: str = Field(default="", max_length=20)
    amount: str = Field(default="", max_length=30)
    uncapped: bool = False


@router.get("/pools")
async def get_pools(here: Here) -> Response:
    """Show the pools as they were entered, and to those who may enter one the form."""
    return await _page(here)


@router.post("/pools", dependencies=[Depends(require(*months.KEEPERS))])
async def post_pool(here: Here, form: Annotated[PoolForm, Form()]) -> Response:
    """Enter a pool; the form again, by field, where something is wrong."""
    values = form.model_dump()
    if not form.unit:
        return await _page(here, values, {"unit": "请选择单位"}, 422)
    if form.uncapped == bool(form.amount.strip()):
        return await _page(here, values, {"amount": "请填写金额，或者勾选“不封顶”，两者只取其一"}, 422)
    try:
        amount_fen = None if form.uncapped else read_yuan(form.amount)
    except AmountError as error:
        return await _page(here, values, {"amount": str(error)}, 422)
    pool = Pool(form.unit, form.from_month, amount_fen)
    try:
        await months.enter_pool(here.session, pool, here.reader, books=here.books, clock=here.clock)
    except Problem as problem:
        errors = {one["field"]: one["message"] for one in problem.fields}
        return await _page(here, values, errors, problem.status)
    return RedirectResponse(_POOLS, 303)


async def _page(
    here: Visit,
    values: Mapping[str, object] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    entries = await months.list_pool_entries(here.session, here.reader, here.books)
    people = {one.entered_by for one in entries}
    names = {person: await months.person_name(here.session, person) for person in people}
    units = await statements.visible_units(here.session, here.reader)
    return await here.page(
        "pools.html",
        status,
        entries=[
            {
                "unit_name": one.unit.name,
                "from_month": one.pool.from_month,
                "amount_fen": one.pool.amount_fen,
                "cap_fen": one.cap_fen,
                "entered_at": one.entered_at,
                "entered_by": names[one.entered_by],
            }
            for one in entries
        ],
        may_enter=here.may_decide,
        unit_options=[(one.code, one.name) for one in units],
        values=values or {},
        errors=errors or {},
    )
