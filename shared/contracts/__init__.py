"""The events of Huiying, one file per owning service."""
