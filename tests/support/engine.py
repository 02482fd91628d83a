"""Whether there is a Docker engine: asked in every run, so that it must not import the client."""

import os
import socket
from urllib.parse import urlsplit

__all__ = ["docker_answers"]


def docker_answers() -> bool:
    """Whether a Docker engine can be asked for containers."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    parts = urlsplit(host)
    try:
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(2)
                probe.connect(parts.path)
        else:
            socket.create_connection((parts.hostname or "localhost", parts.port or 2375), 2).close()
    except OSError:
        return False
    return True
