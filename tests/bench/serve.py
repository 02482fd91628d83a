"""`python -m tests.bench.serve FACTORY PORT`: one server under measurement."""

import sys

from shared.server import serve

if __name__ == "__main__":
    _, factory, port = sys.argv
    serve(factory, host="127.0.0.1", port=int(port), proxies="127.0.0.1")
