"""The console script `huiying`: runs an installation and works on it."""

import logging
import sys

import typer
from rich.console import Console
from rich.markup import escape
from typer import rich_utils
from typer.exceptions import TyperException

from deploy.commands import register_all
from deploy.local.errors import LaunchError
from deploy.terminal import INTERRUPTED, printable
from deploy.usage import in_chinese

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
    """Run a command; what a person can mend is one line on standard error, never a trace.

    Exits with 1 for what went wrong, with 2 for a command line that cannot be read, with 130 after a Ctrl-C.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its failures reach us as exceptions
    rich_utils.COMMANDS_PANEL_TITLE = "命令"
    rich_utils.OPTIONS_PANEL_TITLE = "选项"
    rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
    rich_utils.DEFAULT_STRING = "[默认：{}]"
    rich_utils.REQUIRED_LONG_STRING = "[必填]"
    rich_utils.ENVVAR_STRING = "[环境变量：{}]"
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:
            _complain("已中止")
        sys.exit(code)
    except LaunchError as error:
        _complain(error.line())
        sys.exit(error.exit_code)
    except typer.Abort:
        _complain("已中止")
        sys.exit(INTERRUPTED)
    except TyperException as error:
        if words := in_chinese(error.format_message()):  # there are none where the help was printed
            _complain(f"{words}\n用 --help 查看命令与选项的说明")
        sys.exit(error.exit_code)


def _complain(words: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]错误：[/]{escape(printable(words))}")


if __name__ == "__main__":
    main()
