"""Metrics of one service, on a registry of its own, so that several apps can live in one process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Metrics"]


class Metrics:
    """The counters and gauges that every service has. Labels hold codes, never ids or personal content."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.consumed = Counter(
            "huiying_records_consumed", "Kafka records brought to an end", ["service"], registry=self.registry
        )
        self.dead = Counter(
            "huiying_dead_letters",
            "Records kept as dead letters",
            ["service", "reason"],
            registry=self.registry,
        )
        self.requests = Histogram(
            "huiying_request_seconds",
            "HTTP requests",
            ["service", "method", "status"],
            registry=self.registry,
        )
        self.unpublished = Gauge(
            "huiying_outbox_unpublished", "Outbox rows not yet in Kafka", ["service"], registry=self.registry
        )
        self.unpublished_age = Gauge(
            "huiying_outbox_oldest_seconds",
            "Age of the oldest unpublished row",
            ["service"],
            registry=self.registry,
        )
        self.pending = Gauge(
            "huiying_pending_events", "Events waiting for an earlier one", ["service"], registry=self.registry
        )
        self.pending_age = Gauge(
            "huiying_pending_oldest_seconds",
            "Age of the oldest waiting event",
            ["service"],
            registry=self.registry,
        )
        self.lag = Gauge(
            "huiying_consumer_lag",
            "Records behind the end of the topic",
            ["service", "topic"],
            registry=self.registry,
        )
