"""The README's five commands to ship a new version do what it says."""

from __future__ import annotations

import re
from pathlib import Path

from tests.integration.pages import ROOT, free_ports, run_shell
from tests.integration.shelf import onnx_times

README = ROOT.joinpath("README.md").read_text("utf-8")
SECTION = README[README.index("## Ship a new version") :].partition("\n## ")[0]
READY = "until [ -e ready.json ]; do sleep 0.1; kill -0 $!; done"
SWAPPED = "until leeboard versions | grep -q '2 *│ serving'; do sleep 0.1; done"


def test_five_commands_make_a_registry_swap_and_go_back(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)
    push, serve, push_again, versions, rollback = block.splitlines()
    assert len(SECTION.splitlines()) <= 25
    for number in (1, 2):
        (tmp_path / f"model-{number}.onnx").write_bytes(onnx_times(number))
    grpc, http, control = free_ports(3)
    ports = f"--grpc-port {grpc} --http-port {http} --control-port {control}"
    more = f"{ports} --state-dir state --ready-file ready.json 2> server.log &"
    assert serve.endswith(" &")
    ask = f"leeboard infer fraud -i 'x=[[1, 2, 3, 4]]' --url localhost:{grpc}"
    script = [
        f"export LEEBOARD_SERVER=localhost:{control}",
        push,
        f"{serve.removesuffix('&')} {more}",
        READY,
        ask,
        push_again,
        SWAPPED,
        versions,
        ask,
        rollback,
        ask,
    ]
    said = run_shell(tmp_path, "\n".join(script))
    assert "fraud/1 is registered\nfraud@champion points at 1\n" in said
    assert "fraud/2 is registered\nfraud@champion points at 2\n" in said
    assert re.search(r"fraud went back from version 2 to 1 at once \([\d.]+ ms\)", said)
    answers = re.findall(r"fraud version (\d)\ny float32 \[1, 4\]\n(.*)\n", said)
    assert answers == [
        ("1", "[[1. 2. 3. 4.]]"),
        ("2", "[[2. 4. 6. 8.]]"),
        ("1", "[[1. 2. 3. 4.]]"),
    ]
