"""What dispatch does: load, decide in the domain, save, outbox. Never commits."""
