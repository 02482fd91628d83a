"""The one Kafka and the one PostgreSQL of a run: the addresses in the environment, else started here."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.infrastructure import ADDRESS, PostgresServer
from tests.support.servers import start

__all__ = ["Servers", "servers"]


@dataclass(frozen=True)
class Servers:
    """Where they are, what they are, and a folder for logs that goes away with the run."""

    kafka: str
    postgres: PostgresServer
    folder: Path
    descriptions: tuple[str, ...]


@contextmanager
def servers() -> Iterator[Servers]:
    """Both servers for the length of the block, PostgreSQL with fsync on."""
    folder = Path(tempfile.mkdtemp(prefix="huiying-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        kafka, about_kafka = _server(stack, "kafka", folder)
        postgres, about_postgres = _server(stack, "postgres", folder)
        databases = PostgresServer(postgres)
        stack.callback(databases.drop_databases)
        yield Servers(kafka, databases, folder, (about_kafka, about_postgres))


def _server(stack: ExitStack, kind: str, folder: Path) -> tuple[str, str]:
    configured = os.environ.get(ADDRESS[kind])
    if configured:
        return configured, f"{kind} at the address in {ADDRESS[kind]}"
    server = start(kind, folder, durable=True)
    stack.callback(server.stop)
    return server.address, server.description
