"""What a person reads when everything is up."""

from rich.console import Console
from rich.table import Table

from deploy.local.installation import Installation
from deploy.local.services import Addresses

__all__ = ["show"]

PAGES = (
    ("我要反映问题", "/"),
    ("查询办理进度", "/track"),
    ("任务清单", "/dispatch"),
    ("考核", "/assessment"),
    ("通知", "/notify"),
)


def show(console: Console, installation: Installation, addresses: Addresses) -> None:
    """Print addresses, sign-ins and where the data and logs lie."""
    table = Table(
        title="回应 Huiying 已启动", title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0)
    )
    for label, path in PAGES:
        table.add_row(label, f"[link={addresses.url}{path}]{addresses.url}{path}[/link]")
    console.print(table)
    console.print(f"数据与日志：{installation.data_dir}    按 Ctrl-C 停止", markup=False, soft_wrap=True)
