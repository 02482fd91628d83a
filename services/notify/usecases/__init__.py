"""What notify does: raises alerts, keeps channels, brings deliveries to an end."""
