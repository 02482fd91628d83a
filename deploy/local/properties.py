"""The format of Java's `.properties` files, which Java reads as ISO-8859-1 and Kafka's settings lie in."""

from collections.abc import Mapping
from pathlib import Path

from deploy.local.errors import LaunchError

__all__ = ["check_data_folder", "properties_text"]


def properties_text(settings: Mapping[str, str]) -> str:
    """The settings as a file that Java reads back as they are. Names are plain words, values any text."""
    return "".join(f"{name}={_escaped(value)}\n" for name, value in settings.items())


def check_data_folder(folder: Path) -> None:
    """Return if Kafka's list of folders can name one inside this folder; else LaunchError."""
    if "," in str(folder):
        raise LaunchError(
            f"数据文件夹 {folder} 的路径里有英文逗号，Kafka 不能使用", "请用 --data-dir 另选一个"
        )
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        raise LaunchError(
            "数据文件夹的路径不是 UTF-8 文字，Kafka 不能使用", "请用 --data-dir 另选一个"
        ) from error


def _escaped(value: str) -> str:
    return "".join(one if "!" <= one <= "~" and one != "\\" else _units(one) for one in value)


def _units(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
