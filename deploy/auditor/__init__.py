"""An auditor of a running installation that trusts nothing of it.

It reads the four databases and the Kafka log from offset 0, writes nowhere, joins no consumer group, and
imports neither services nor shared: what it must know of them is written down here a second time.
"""
