"""Every SQL statement of intake."""
