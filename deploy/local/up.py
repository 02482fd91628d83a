"""What `huiying up` does: start everything in order, keep it running, stop it in order."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from deploy.databases import AUDITOR, SERVICES
from deploy.local import freshness
from deploy.local.children import Child, ProcessIdentity
from deploy.local.descriptor import Descriptor, is_token_fresh, remove_descriptor, write_descriptor
from deploy.local.errors import LaunchError
from deploy.local.forkserver import ForkServer
from deploy.local.installation import (
    Demonstration,
    Installation,
    choose_ports,
    is_installed,
    open_installation,
)
from deploy.local.kafka import Kafka
from deploy.local.orphans import MARK, reclaim, record_running
from deploy.local.places import check_port, claim_port
from deploy.local.postgres import Postgres, postgres_folder
from deploy.local.properties import check_data_folder
from deploy.local.report import show
from deploy.local.services import (
    LABELS,
    ROOT,
    Addresses,
    find_gateway,
    gateway,
    own_environment,
    service,
    wait_for_gateway,
    wait_for_service,
)
from deploy.local.supervisor import Supervisor

__all__ = ["Launch"]


class _StoppedError(Exception):
    """The person asked to stop while things were still starting."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One `huiying up`: the gateway's port, the data folder (absolute), whether demonstration data go in."""

    port: int
    data_dir: Path
    demo: bool

    def check(self) -> None:
        """Return if the port is free, the folder fit and the gateway's program here; else LaunchError."""
        check_data_folder(self.data_dir)
        check_port(self.port)
        find_gateway()

    def run(self) -> None:
        """Run until told to stop. LaunchError if something does not start; what had started is stopped."""
        if not is_installed(self.data_dir):  # a first start that is refused leaves nothing behind
            self.check()
        with open_installation(self.data_dir) as installation:
            _Run(self, installation).run()


class _Run:
    def __init__(self, launch: Launch, installation: Installation) -> None:
        self.launch = launch
        self.installation = installation
        self.console = Console(highlight=False)
        self.logs = installation.folder("logs")
        self.supervisor = Supervisor(record=self._record, say=self.say)
        self.token_file = installation.data_dir / "token"
        self.descriptor: Descriptor | None = None
        self.forks: ForkServer | None = None

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, soft_wrap=True)

    def run(self) -> None:
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(name) is not signal.SIG_IGN:  # such as SIGHUP under nohup
                signal.signal(name, lambda *_: self.supervisor.stopping.set())
        left_behind = reclaim(self.installation.data_dir, self.installation.id)
        if left_behind:
            names = "、".join(LABELS[name] for name in left_behind)
            self.say(f"上次没有正常停止，已收回遗留的进程：{names}")
        self.launch.check()  # what is missing is said before anything is put in
        with claim_port(self.launch.port) as door:  # for life: of two at once, one is refused here
            self._run(door)

    def _run(self, door: socket.socket) -> None:
        choose_ports(self.installation, self.launch.port)
        self._decide_on_demonstration()
        addresses = Addresses(self.installation, self.launch.port)
        remove_descriptor(addresses.url)  # of a launcher that was killed
        os.environ[MARK] = self.installation.id
        if sys.platform == "linux":
            self.forks = ForkServer(self.logs / "forkserver.log")
        try:
            self._start(addresses, door)
            self._end_forks()
            self._describe(addresses)
            self._demonstrate(addresses)
            show(self.console, self.installation, addresses)
            self.supervisor.watch(lambda: self._renew_token(addresses))
        except _StoppedError:
            self.say("已取消启动")
        finally:
            door.close()  # else who comes now would wait until all has stopped
            self._stop(addresses)

    def _decide_on_demonstration(self) -> None:
        """Decide at the first start; it is kept as soon as people may be put in, see `_prepare`."""
        if self.installation.demonstration is Demonstration.UNDECIDED:
            wanted = self.launch.demo
            self.installation.demonstration = Demonstration.WANTED if wanted else Demonstration.DECLINED
        elif self.installation.demonstration is not Demonstration.DECLINED and not self.launch.demo:
            self.say("演示账号在以前启动时已经放入，--no-demo 不会移除它们；不需要的请由系统管理员停用")

    def _start(self, addresses: Addresses, door: socket.socket) -> None:
        services = {
            name: service(name, addresses, self.logs / f"{name}.log", self.forks) for name in SERVICES
        }
        with self.console.status("正在启动 PostgreSQL 和 Kafka（第一次需要下载，约半分钟）"):
            self._start_stores(addresses, services)
        if not self._is_prepared(addresses):
            with self.console.status("正在准备数据库和主题"):
                self._prepare(addresses)
        with self.console.status("正在启动四个服务和网关"):
            self._start_all(services)
            front = gateway(addresses, door, self.installation.folder("gateway"), self.logs / "gateway.log")
            self._start_one(front, lambda alive: wait_for_gateway(front, addresses.url, alive))
            for name, child in services.items():
                self._wait(child, partial(wait_for_service, child, addresses.services[name]))

    def _start_stores(self, addresses: Addresses, services: Mapping[str, Child]) -> None:
        """Start both at once; where nothing is to be migrated, the services need not wait for Kafka."""
        postgres, kafka = self._postgres(), self._kafka()

        def start_postgres() -> None:
            self._start_one(postgres.child(self.logs / "postgres.log"), postgres.wait_until_ready)
            if self._is_prepared(addresses):
                self._start_all(services)

        self._together(
            start_postgres,
            lambda: self._start_one(kafka.child(self.logs / "kafka.log"), kafka.wait_until_ready),
        )

    def _postgres(self) -> Postgres:
        folder = postgres_folder(self.installation.data_dir, self.installation.id)
        return Postgres(folder, self.installation.ports["postgres"], self.installation.postgres_password)

    def _kafka(self) -> Kafka:
        ports = self.installation.ports
        folder = self.installation.data_dir / "kafka"
        return Kafka(folder, self.installation.cluster_id, ports["kafka"], ports["kafka_controller"])

    def _start_all(self, children: Mapping[str, Child]) -> None:
        for child in children.values():
            if child.process is None:
                self._check_not_stopping()
                self.supervisor.start(child)

    def _start_one(self, child: Child, wait: Callable[[Callable[[], bool]], None]) -> None:
        self._check_not_stopping()
        self.supervisor.start(child)
        self._wait(child, wait)

    def _wait(self, child: Child, wait: Callable[[Callable[[], bool]], None]) -> None:
        """Wait until a child is ready; say more of why it is not."""
        try:
            wait(self.supervisor.is_alive(child))
        except LaunchError as error:
            self._check_not_stopping()
            if child.alive or error.advice:
                raise
            raise LaunchError(f"{error}（{child.reason()[:300]}）", f"详见日志 {child.log}") from error

    def _is_prepared(self, addresses: Addresses) -> bool:
        return is_token_fresh(self.token_file) and freshness.is_current(self.installation, addresses)

    def _prepare(self, addresses: Addresses) -> None:
        """Migrate, put in the first data and get a token for the commands of this machine."""
        extra = {
            "HUIYING_ADMIN_DATABASE_URL": self._postgres().admin_url,
            "HUIYING_AUDITOR_PASSWORD": self.installation.role_passwords[AUDITOR],
            "HUIYING_ADMINISTRATOR_PASSWORD": self.installation.administrator_password,
        }
        self.installation.save()
        demo = [] if self.installation.demonstration is Demonstration.DECLINED else ["--demo"]
        self._command(addresses, "migrate", "--token-file", str(self.token_file), *demo, **extra)
        freshness.remember(self.installation, addresses)

    def _renew_token(self, addresses: Addresses) -> None:
        """Replace a token that would end soon, in an installation that runs for weeks."""
        if is_token_fresh(self.token_file):
            return
        try:
            self._prepare(addresses)
            self._describe(addresses)
        except LaunchError as error:
            self.say(error.line())

    def _demonstrate(self, addresses: Addresses) -> None:
        """Load demonstration data on the first start; without them everything works too."""
        if not self.launch.demo or self.installation.demonstration is not Demonstration.WANTED:
            return
        try:
            with self.console.status("正在放入演示数据"):
                self._command(addresses, "demo")
        except LaunchError as error:
            self.say(f"没有放入演示数据：{error.line()}")
            return
        self.installation.demonstration = Demonstration.LOADED
        self.installation.save()

    def _command(self, addresses: Addresses, name: str, *arguments: str, **environment: str) -> None:
        """Run a command of `huiying` for this installation. LaunchError with its last line if it fails."""
        self._check_not_stopping()
        child = Child(
            name,
            name,
            [sys.executable, "-m", "deploy.cli", name, *arguments],
            self.logs / f"{name}.log",
            env={**own_environment(()), **addresses.environment(), **environment},
            cwd=ROOT,
        )
        child.start()
        code = child.process.wait() if child.process else 1
        if code != 0:
            self._check_not_stopping()
            raise LaunchError(child.last_lines(1)[:300].removeprefix("错误："), f"详见日志 {child.log}")

    def _together(self, *works: Callable[[], Any]) -> None:
        """Do all at once; wait for all; raise the first failure."""

        def failure(work: Callable[[], Any]) -> Exception | None:
            try:
                work()
            except (LaunchError, _StoppedError) as error:
                self.supervisor.stopping.set()  # what still waits need not
                return error
            return None

        with ThreadPoolExecutor(len(works)) as pool:
            failures = [found for found in pool.map(failure, works) if found]
        for found in sorted(failures, key=lambda each: isinstance(each, _StoppedError)):
            raise found

    def _check_not_stopping(self) -> None:
        if self.supervisor.stopping.is_set():
            raise _StoppedError

    def _describe(self, addresses: Addresses) -> None:
        """Tell the commands on this machine that everything is up."""
        self.descriptor = Descriptor(
            url=addresses.url,
            data_dir=str(self.installation.data_dir),
            databases=addresses.databases,
            auditor=addresses.auditor,
            kafka=addresses.kafka,
            services=addresses.services,
            pids={},
            token=self.token_file.read_text(encoding="utf-8"),
        )
        self._record(self.supervisor.identities())

    def _record(self, processes: Mapping[str, ProcessIdentity]) -> None:
        """Keep the list of our processes up to date, for the next start and for the commands."""
        try:
            record_running(self.installation.data_dir, processes)
            if self.descriptor is not None:
                self.descriptor.pids.clear()
                self.descriptor.pids.update({name: each.pid for name, each in processes.items()})
                write_descriptor(self.descriptor)
        except LaunchError as error:
            self.say(error.line())

    def _stop(self, addresses: Addresses) -> None:
        self.descriptor = None
        remove_descriptor(addresses.url)
        with self.console.status("正在停止"):
            self.supervisor.stop()
            self._end_forks()
        self.say("已停止")

    def _end_forks(self) -> None:
        """End what services were forked from, which holds 70 MB; one started again imports by itself."""
        if self.forks is not None:
            self.forks.close()
            self.forks = None
