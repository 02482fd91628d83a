"""Creates the topics of `shared.contracts.topics` and checks those that exist."""

import asyncio
import time
from collections.abc import Iterable, Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS, Topic

__all__ = ["TopicsError", "apply"]

VISIBLE_LIMIT = 30.0  # seconds until a created topic must be seen in the cluster's metadata


class TopicsError(Exception):
    """A topic that cannot be made or is not as it must be; the message is Chinese."""


async def apply(
    bootstrap: str,
    *,
    replication: int = 1,
    prefix: str = "",
    topics: Iterable[Topic] = TOPICS.values(),
) -> list[str]:
    """Create the missing ones of `topics`, check the others, and return the names created.

    `prefix` is put before every name, as the services' setting KAFKA_PREFIX does. Repeatable, also by several
    at once; returns when all topics are visible. TopicsError if an existing topic has another number of
    partitions (fixed for a topic's life: changing it would break the order of events per key) or a
    configuration that would lose records.
    """
    wanted = {prefix + topic.name: topic for topic in topics}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        existing = set(await admin.list_topics()) & wanted.keys()
        missing = {name: topic for name, topic in wanted.items() if name not in existing}
        created = await _create(admin, missing, replication)
        _check_partitions(wanted, await _visible(admin, wanted))
        await _check_configuration(admin, wanted)
    except (KafkaError, OSError) as error:
        raise TopicsError(f"不能连接 Kafka {bootstrap}（{type(error).__name__}）") from error
    finally:
        await admin.close()
    return created


async def _create(admin: AIOKafkaAdminClient, topics: Mapping[str, Topic], replication: int) -> list[str]:
    if not topics:
        return []
    copies = {"min.insync.replicas": str(max(1, replication - 1))}
    fresh = [
        NewTopic(name, topic.partitions, replication, topic_configs={**topic.config, **copies})
        for name, topic in topics.items()
    ]
    answer = await admin.create_topics(fresh)
    created = []
    for name, code, *message in answer.topic_errors:
        error = for_code(code)
        if code == 0:
            created.append(name)
        elif error is not TopicAlreadyExistsError:
            raise TopicsError(f"不能建立主题 {name}（{(message or [error.__name__])[0]}）")
    return created


async def _visible(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> dict[str, int]:
    """Return the number of partitions of each wanted topic, as soon as the cluster knows them all."""
    give_up = time.monotonic() + VISIBLE_LIMIT
    while True:
        described = await admin.describe_topics(sorted(wanted))
        partitions = {each["topic"]: len(each["partitions"]) for each in described if not each["error_code"]}
        if partitions.keys() >= wanted.keys():
            return partitions
        if time.monotonic() > give_up:
            raise TopicsError(f"主题没有出现：{sorted(wanted.keys() - partitions.keys())}")
        await asyncio.sleep(0.05)


def _check_partitions(wanted: Mapping[str, Topic], partitions: Mapping[str, int]) -> None:
    for name, topic in wanted.items():
        if partitions[name] != topic.partitions:
            found, required = partitions[name], topic.partitions
            raise TopicsError(f"主题 {name} 有 {found} 个分区，应为 {required} 个")


async def _check_configuration(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> None:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
    for answer in await admin.describe_configs(resources):
        for _, _, _, name, entries in answer.resources:
            values = {entry[0]: entry[1] for entry in entries}
            for key, required in wanted[name].config.items():
                if values.get(key) != required:
                    raise TopicsError(f"主题 {name} 的 {key} 是 {values.get(key)}，应为 {required}")
