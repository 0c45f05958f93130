"""What TLS costs: in our server, and in HAProxy in front of it.

Three servers with the same model: in the clear, with TLS, and in the clear behind HAProxy,
which ends TLS and speaks HTTP/2 to it; there both processes count. The client and its load
are the same; each connection makes one handshake, which the first call waits for and no
measured one pays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.load.clients import GrpcClient
from benchmarks.load.question import check_answer, make_question
from benchmarks.machine import CORES, raise_priority
from benchmarks.measure import Bench, Block, as_blocks, measure
from benchmarks.models import model
from benchmarks.processes import Address, BenchmarkError, Server, leeboard, pinned
from benchmarks.promises.contest import LOADED
from benchmarks.results import Row
from runtime.statistics.intervals import Limit, median_interval, ratio_interval
from tests.integration.authority import Authority, Pair
from tests.integration.programs import Haproxy, find


class Behind(Server):
    """A server of ours behind HAProxy, as one: its address is the proxy's."""

    def __init__(self, server: Server, proxy: Haproxy) -> None:
        self._server = server
        self._proxy = proxy
        self.name = "leeboard behind haproxy"
        self.process = server.process
        self.address = Address(proxy.port)

    def family(self) -> list[int]:
        """Return the server's processes and the proxy."""
        return [*self._server.family(), self._proxy.process.pid]

    def close(self) -> None:
        """End nothing: who made the two ends them."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The three servers, and the authority that signed what two of them show."""

    plain: Server
    secured: Server
    behind: Server
    authority: Path


@contextmanager
def started(path: Path, folder: Path) -> Iterator[Sides]:
    """Start everything; end it afterwards."""
    program = find("haproxy")
    if program is None:
        raise BenchmarkError("haproxy is needed: tools/bootstrap.py --system clients")
    authority = Authority(folder)
    pair: Pair = authority.sign()
    pem = folder / "both.pem"
    pem.write_bytes(pair.certificate + pair.key)
    arguments = ["-m", "benchmarks.secured", str(path), str(pair.certificate_path),
                 str(pair.key_path)]  # fmt: skip
    with ExitStack() as stack:
        plain = stack.enter_context(leeboard(path, folder))
        secured = stack.enter_context(Server("leeboard-tls", arguments, folder))
        proxy = stack.enter_context(
            Haproxy(
                program,
                folder,
                pem,
                f"{plain.address.target} proto h2",
                tuple(pinned(CORES.server)),
            )
        )
        raise_priority(proxy.process.pid)
        yield Sides(plain, secured, Behind(plain, proxy), authority.path)


def tls(bench: Bench) -> list[Row]:
    """Processor time of a small request over TLS, ours over HAProxy's and ours together."""
    path = model("mlp", bench.folder)
    question = make_question(path, bench.folder)
    with started(path, bench.folder) as sides:
        expected = check_answer(sides.plain, question, bench.folder)
        blocks: list[Callable[[], Block]] = []
        for side, server, authority in (
            ("plain", sides.plain, None),
            ("tls", sides.secured, sides.authority),
            ("behind haproxy", sides.behind, sides.authority),
        ):
            client = GrpcClient(bench.program, server, question, expected, authority)
            sized = client.sized(LOADED, bench.plan.block_s)
            blocks.append(partial(measure, side, server, sized))
        made = [in_turn(blocks, number) for number in range(bench.plan.pairs)]
    ratios = [(ours.server_cpu_us, proxied.server_cpu_us) for _, ours, proxied in made]
    return [
        Row(
            "tls",
            "small model over TLS, grpc-core client: server CPU a request "
            "<= 0.7 x HAProxy in front and the server behind it",
            "x",
            Limit("at most", 0.7),
            ratio_interval(ratios),
            beside={
                "tls us": median_interval([ours for ours, _ in ratios]),
                "behind haproxy us": median_interval([proxied for _, proxied in ratios]),
                "plain us": median_interval([plain.server_cpu_us for plain, _, _ in made]),
            },
            blocks=as_blocks(made),
        )
    ]


def in_turn(blocks: list[Callable[[], Block]], number: int) -> tuple[Block, ...]:
    """Measure all sides once, every second time in the opposite order."""
    order = range(len(blocks)) if number % 2 == 0 else reversed(range(len(blocks)))
    found = {index: blocks[index]() for index in order}
    return tuple(found[index] for index in range(len(blocks)))
