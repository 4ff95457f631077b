"""What tc is told of a bad network, and that tc understands it."""

from __future__ import annotations

import subprocess

import pytest

from talos.provision.chaos import Chaos
from talos.provision.model import ProvisionError
from talos.talosctl.main import run


@pytest.mark.parametrize(
    ("chaos", "words"),
    [
        (Chaos(), ""),
        (Chaos(latency_s=0.05), "netem delay 50000us"),
        (Chaos(latency_s=0.05, jitter_s=0.0105), "netem delay 50000us 10500us"),
        (Chaos(loss=0.025, corrupt=0.5), "netem loss 2.5% corrupt 50%"),
        (Chaos(latency_s=1, reorder=1, bandwidth_kbit=512), "netem delay 1000000us reorder 100% rate 512kbit"),
        (Chaos(bandwidth_kbit=512), "tbf rate 512kbit burst 4096b latency 400ms"),
        (Chaos(bandwidth_kbit=100_000), "tbf rate 100000kbit burst 125000b latency 400ms"),
    ],
)
def test_words(chaos: Chaos, words: str) -> None:
    assert " ".join(chaos.words()) == words


@pytest.mark.parametrize(
    ("chaos", "fault"),
    [
        (Chaos(loss=5), "packet-loss 5: give a share"),
        (Chaos(corrupt=-0.1), "packet-corrupt"),
        (Chaos(jitter_s=1), "jitter must not be more"),
        (Chaos(reorder=0.5), "needs --with-network-latency"),
        (Chaos(bandwidth_kbit=-1), "negative"),
    ],
)
def test_what_cannot_be_names_the_flag(chaos: Chaos, fault: str) -> None:
    with pytest.raises(ProvisionError, match=fault):
        chaos.words()


@pytest.mark.parametrize("chaos", [Chaos(0.05, 0.01, 0.1, 0.1, 0.5, 512), Chaos(bandwidth_kbit=512)])
@pytest.mark.root
def test_tc_understands(chaos: Chaos) -> None:
    """In a network of its own. Only a kernel without the scheduler may refuse, and says so in these words."""
    command = ["unshare", "--net", "tc", "qdisc", "replace", "dev", "lo", "root", *chaos.words()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "Specified qdisc kind is unknown" in done.stderr, done.stderr


def test_a_bad_network_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cluster", "create", "--with-network-packet-loss", "0.1"]) == 1
    assert "--with-network-chaos" in capsys.readouterr().err
