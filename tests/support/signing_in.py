"""Wang Jianguo, who signs in, and what a service then says to him."""

import httpx

__all__ = ["PASSWORD", "WANG", "add_wang", "is_let_in", "is_refused", "reads", "sign_in"]

PASSWORD = "correct horse battery"
WANG = {
    "account": "Wang.JianGuo",
    "name": "王建国",
    "role": "unit_member",
    "unit": "water",
    "password": PASSWORD,
}


async def add_wang(admin: httpx.AsyncClient) -> str:
    response = await admin.post("/dispatch/api/persons", json=WANG)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def sign_in(client: httpx.AsyncClient, account: str, password: str) -> httpx.Response:
    given = {"account": account, "password": password}
    return await client.post("/dispatch/api/sign-in", json=given)


async def reads(client: httpx.AsyncClient) -> int:
    return (await client.get("/dispatch/api/feed")).status_code


async def is_let_in(client: httpx.AsyncClient) -> bool:
    """A service learns of a new person within a second."""
    return await reads(client) == 200


async def is_refused(client: httpx.AsyncClient) -> bool:
    return await reads(client) == 401
