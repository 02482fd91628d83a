"""What the tests share: real Kafka and PostgreSQL, and waiting on conditions."""
