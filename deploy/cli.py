"""The console script `huiying`: runs an installation and works on it."""

import logging
import sys

import typer
from rich.console import Console

from deploy.commands import register_all
from deploy.local.errors import LaunchError

__all__ = ["app", "main"]

app = typer.Typer(
    name="huiying",
    help="回应 Huiying：每一条反映都有回应。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
register_all(app)


def main() -> None:
    """Run a command; what a person can mend is one line on standard error and exit code 1, never a trace."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its failures reach us as exceptions
    try:
        app()
    except LaunchError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]错误：[/]{error.line()}")
        sys.exit(1)


if __name__ == "__main__":
    main()
