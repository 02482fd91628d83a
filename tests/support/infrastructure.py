"""Fixtures with a real Kafka and PostgreSQL.

Each comes from the address in the environment (`HUIYING_TEST_KAFKA`, `HUIYING_TEST_POSTGRES`, the latter of a
role that may create databases), else from testcontainers where a Docker engine answers, else it is the
embedded one. Nothing is skipped for lack of any of them, and the run says which it used. A server starts when
the first test asks, and its client is imported only then: the unit lane needs none.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest

from deploy.local.places import exclusive
from tests.support.engine import docker_answers
from tests.support.root import ROOT
from tests.support.wait import eventually_sync

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

__all__ = ["PostgresServer", "kafka", "make_topic", "postgres", "start_run", "stop_run", "topic_prefix"]

RUN = "HUIYING_TEST_RUN"  # folder of this test run, shared by its workers
ADDRESS = {"kafka": "HUIYING_TEST_KAFKA", "postgres": "HUIYING_TEST_POSTGRES"}
PARTITIONS = 3  # of a topic in tests

T = TypeVar("T")


def start_run() -> None:
    """Make the folder of this run, in the process that starts the workers."""
    os.environ[RUN] = tempfile.mkdtemp(prefix="huiying-tests-")
    os.environ[f"{RUN}_OWNER"] = str(os.getpid())


def stop_run() -> None:
    """Stop every server of this run and remove its folder."""
    folder = Path(os.environ[RUN])
    for file in folder.glob("*.pid"):
        with suppress(ProcessLookupError):
            os.kill(int(file.read_text()), signal.SIGTERM)
    for own in _OWN:
        own.wait()
    for file in folder.glob("*.pid"):  # a worker's children
        holder = int(file.read_text())
        eventually_sync(lambda: not psutil.pid_exists(holder), timeout=60)  # noqa: B023 - called at once
    shutil.rmtree(folder, ignore_errors=True)


def plan() -> list[str]:
    """One line per server for the head of the report: where it would come from."""
    fallback = "testcontainers" if docker_answers() else "embedded, no Docker engine answers"
    return [
        f"{kind}: {'address in ' + variable if os.environ.get(variable) else fallback}"
        for kind, variable in ADDRESS.items()
    ]


def used() -> list[str]:
    """One line per server that this run started."""
    lines = []
    for file in sorted(Path(os.environ[RUN]).glob("*.json")):
        answer = json.loads(file.read_text())
        lines.append(f"{file.stem}: {answer.get('description', answer.get('error'))}")
    return lines


def _address(kind: str, name: str, *, durable: bool = True) -> str:
    """Address of the server `name`, started by whichever worker asks first."""
    configured = os.environ.get(ADDRESS[kind])
    if configured:
        return configured
    folder = Path(os.environ[RUN])
    answer = folder / f"{name}.json"
    with exclusive(folder / f"{name}.lock"):
        if not answer.exists():
            _start_holder(kind, answer, durable=durable)
    content: dict[str, str] = json.loads(answer.read_text())
    if "error" in content:
        pytest.exit(f"{kind}: {content['error']}", returncode=3)
    return content["address"]


def _start_holder(kind: str, answer: Path, *, durable: bool) -> None:
    owner = os.environ[f"{RUN}_OWNER"]
    command = [sys.executable, "-m", "tests.support.holder", kind, str(answer), owner]
    with answer.with_suffix(".log").open("wb") as log:
        holder = subprocess.Popen(
            [*command, "on" if durable else "off"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    answer.with_suffix(".pid").write_text(str(holder.pid))
    eventually_sync(lambda: answer.exists() or holder.poll() is not None, timeout=180, pause=0.05)
    if not answer.exists():
        raise RuntimeError(f"{kind} did not start: {answer.with_suffix('.log').read_text()[-2000:]}")
    if owner == str(os.getpid()):
        _OWN.append(holder)
    else:
        holder.returncode = 0  # it outlives this worker, for the others: nobody waits for it here


_OWN: list[subprocess.Popen[bytes]] = []  # to be waited for at the end of a run without workers


def _await(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from plain code, whether or not a loop is running here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


class PostgresServer:
    """A server on which each test makes the databases it needs."""

    def __init__(self, admin_url: str) -> None:
        self.admin_url = admin_url
        self._made: list[str] = []

    def create_database(self, template: str | None = None) -> str:
        """Make an empty database, or a copy of the one at the address `template`; return its address.

        The copied database must have no open connection. The address signs in with the server's own role.
        """
        name = f"t_{uuid.uuid4().hex}"
        source = urlsplit(template).path.strip("/") if template else "template1"
        self._execute(f'CREATE DATABASE {name} TEMPLATE "{source}"')
        self._made.append(name)
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{name}"))

    def drop_databases(self) -> None:
        """Drop what this process made."""
        while self._made:
            self._execute(f"DROP DATABASE IF EXISTS {self._made.pop()} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        import asyncpg

        async def run() -> None:
            connection = await asyncpg.connect(self.admin_url)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        _await(run())


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """A real PostgreSQL, shared by all workers; every test makes databases of its own."""
    server = PostgresServer(_address("postgres", "postgres", durable=pytestconfig.getoption("fsync") == "on"))
    yield server
    server.drop_databases()


@pytest.fixture(scope="session")
def kafka() -> str:
    """Address of a real Kafka, shared by all workers; every test makes topics of its own."""
    return _address("kafka", "kafka")


@pytest.fixture
def make_topic(kafka: str) -> Callable[..., str]:
    """Make a function that creates a topic no other test uses and returns its name."""
    from aiokafka.admin import NewTopic

    def make(partitions: int = 1, **config: str) -> str:
        name = f"t-{uuid.uuid4().hex}"
        _await(
            _admin(kafka, lambda admin: admin.create_topics([NewTopic(name, partitions, 1, None, config)]))
        )
        return name

    return make


@pytest.fixture
def topic_prefix(kafka: str) -> Iterator[str]:
    """Make the product's own topics for this test alone, and return the prefix of their names.

    It is what the services' setting KAFKA_PREFIX takes. The topics have fewer partitions than in production.
    """
    from deploy import topics
    from shared.contracts.topics import TOPICS

    prefix = f"t{uuid.uuid4().hex[:12]}."
    few = [replace(topic, partitions=min(PARTITIONS, topic.partitions)) for topic in TOPICS.values()]
    names = _await(topics.apply(kafka, prefix=prefix, topics=few))
    yield prefix
    _await(_admin(kafka, lambda admin: admin.delete_topics(names)))


async def _admin(bootstrap: str, work: "Callable[[AIOKafkaAdminClient], Coroutine[Any, Any, T]]") -> T:
    from aiokafka.admin import AIOKafkaAdminClient

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return await work(admin)
    finally:
        await admin.close()
