"""Runs the whole installation on one machine: Kafka, PostgreSQL, the services and the gateway."""
