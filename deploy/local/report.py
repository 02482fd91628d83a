"""What a person reads when everything is up."""

from rich.console import Console
from rich.table import Table

from deploy.local.installation import Demonstration, Installation
from deploy.local.postgres import postgres_folder
from deploy.local.services import Addresses

__all__ = ["DEMO_ACCOUNTS", "DEMO_PASSWORD", "show"]

PAGES = (
    ("反映问题", "/"),
    ("查询进度", "/track"),
    ("任务清单", "/dispatch/tasks"),
    ("考核表", "/assessment"),
    ("通知", "/notify"),
)
DEMO_PASSWORD = "huiying-demo"  # noqa: S105 - printed on purpose
DEMO_ACCOUNTS = (
    ("话务员", "operator"),
    ("生产管理室", "office"),
    ("公司经理", "company"),
    ("维修分公司负责人", "repair.leader"),
    ("维修分公司班组", "repair.member"),
)


def show(console: Console, installation: Installation, addresses: Addresses) -> None:
    """Print addresses, sign-ins and where the data and logs lie."""
    console.print()
    console.print("[bold]回应 Huiying 已启动[/bold]")
    console.print(_pages(addresses))
    console.print(_sign_ins(installation))
    console.print(f"数据与日志：{installation.data_dir}", markup=False, soft_wrap=True)
    database = postgres_folder(installation.data_dir, installation.id)
    if not database.is_relative_to(installation.data_dir):
        console.print(f"数据库：{database}（备份和删除时不要漏掉）", markup=False, soft_wrap=True)
    console.print("按 Ctrl-C 停止", markup=False)


def _pages(addresses: Addresses) -> Table:
    table = Table("页面", "地址", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for label, path in PAGES:
        table.add_row(label, f"{addresses.url}{path}")
    return table


def _sign_ins(installation: Installation) -> Table:
    table = Table("登录身份", "账号", "初始密码", box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_row("系统管理员", "admin", installation.administrator_password)
    if installation.demonstration in {Demonstration.WANTED, Demonstration.LOADED}:
        for label, account in DEMO_ACCOUNTS:
            table.add_row(label, account, DEMO_PASSWORD)
        table.add_row("其他单位", "单位代码.leader 或 .member", DEMO_PASSWORD)
    return table
