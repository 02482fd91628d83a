"""One Kafka or PostgreSQL for tests: in a container, or the embedded one that `huiying up` uses."""

import asyncio
import os
import secrets
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from docker.errors import DockerException

from deploy.local.kafka import Kafka, cluster_at, kafka_version, new_cluster_id
from deploy.local.kafka_parts import kafka_parts
from deploy.local.places import free_ports
from deploy.local.postgres import ROOTS_PLACE, Postgres
from tests.support.engine import docker_answers
from tests.support.wait import eventually_sync

__all__ = ["KAFKA_IMAGE", "POSTGRES_IMAGE", "Server", "start"]

KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:17"
START_LIMIT = 90.0  # seconds


class Server(ABC):
    """A running server: its address for clients, what it is, and how to end it."""

    address: str
    description: str

    @abstractmethod
    def stop(self) -> None:
        """End it and remove its data."""


def start(kind: str, folder: Path, *, durable: bool) -> Server:
    """Start a `kafka` or `postgres`: a container where Docker can run one, else the embedded one."""
    reason = ""
    if docker_answers():
        try:
            return _KafkaContainer() if kind == "kafka" else _PostgresContainer()
        except DockerException as error:
            reason = f" (Docker answers, but: {str(error)[:100]})"
    server = _EmbeddedKafka(folder) if kind == "kafka" else _EmbeddedPostgres(folder, durable=durable)
    server.description += reason
    return server


class _EmbeddedKafka(Server):
    def __init__(self, folder: Path) -> None:
        self.broker = Kafka(folder / "kafka", new_cluster_id(), *free_ports(2))
        self.child = self.broker.child(folder / "kafka.log")
        self.child.start()
        self.broker.wait_until_ready(lambda: self.child.alive)
        self.address = self.broker.bootstrap
        self.description = f"embedded Apache Kafka {kafka_version(kafka_parts())}"

    def stop(self) -> None:
        self.child.stop()


class _EmbeddedPostgres(Server):
    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.place = ROOTS_PLACE / f"tests-{secrets.token_hex(6)}" if os.geteuid() == 0 else folder / "pg"
        server = Postgres(self.place / "postgres", free_ports(1)[0], secrets.token_urlsafe(12), durable)
        self.child = server.child(folder / "postgres.log")
        self.child.start()
        server.wait_until_ready(lambda: self.child.alive)
        self.address = server.admin_url
        major = (server.data / "PG_VERSION").read_text().strip()
        self.description = f"embedded PostgreSQL {major}, fsync {'on' if durable else 'off'}"

    def stop(self) -> None:
        self.child.stop()
        shutil.rmtree(self.place, ignore_errors=True)


class _Container(Server):
    container: Any

    def stop(self) -> None:
        self.container.stop()


class _KafkaContainer(_Container):
    """The official image on a port chosen beforehand, because the broker must advertise it."""

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer

        (port,) = free_ports(1)
        settings = {
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_NODE_ID": "1",
            "KAFKA_LISTENERS": "OUT://0.0.0.0:9092,IN://localhost:9094,CONTROLLER://localhost:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"OUT://127.0.0.1:{port},IN://localhost:9094",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "OUT:PLAINTEXT,IN:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_INTER_BROKER_LISTENER_NAME": "IN",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        }
        container: Any = DockerContainer(KAFKA_IMAGE)
        container.ports["9092/tcp"] = ("127.0.0.1", port)  # with_bind_ports would listen on every address
        for name, value in settings.items():
            container = container.with_env(name, value)
        self.container = container
        self.container.start()
        self.address = f"127.0.0.1:{port}"
        try:
            eventually_sync(lambda: asyncio.run(cluster_at(self.address)), START_LIMIT)
        except AssertionError:
            self.stop()
            raise
        self.description = f"testcontainers, {KAFKA_IMAGE}"


class _PostgresContainer(_Container):
    def __init__(self) -> None:
        from testcontainers.community.postgres import PostgresContainer

        self.container = PostgresContainer(POSTGRES_IMAGE, driver=None)
        self.container.with_command("postgres -c max_connections=200")
        self.container.start()
        self.address = self.container.get_connection_url(host="127.0.0.1")
        self.description = f"testcontainers, {POSTGRES_IMAGE}"
