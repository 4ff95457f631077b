"""talosctl memory."""

from __future__ import annotations

import click

from talos.talosctl.options import Command, client_options, insecure_options
from talos.talosctl.output import table
from talos.talosctl.session import Session

_SPELLING = [
    "MemTotal",
    "MemFree",
    "MemAvailable",
    "Buffers",
    "Cached",
    "SwapCached",
    "Active",
    "Inactive",
    "ActiveAnon",
    "InactiveAnon",
    "ActiveFile",
    "InactiveFile",
    "Unevictable",
    "Mlocked",
    "SwapTotal",
    "SwapFree",
    "Dirty",
    "Writeback",
    "AnonPages",
    "Mapped",
    "Shmem",
    "Slab",
    "SReclaimable",
    "SUnreclaim",
    "KernelStack",
    "PageTables",
    "NFSUnstable",
    "Bounce",
    "WritebackTmp",
    "CommitLimit",
    "CommittedAS",
    "VmallocTotal",
    "VmallocUsed",
    "VmallocChunk",
    "HardwareCorrupted",
    "AnonHugePages",
    "ShmemHugePages",
    "ShmemPmdMapped",
    "CmaTotal",
    "CmaFree",
    "HugePagesTotal",
    "HugePagesFree",
    "HugePagesRsvd",
    "HugePagesSurp",
    "Hugepagesize",
    "DirectMap4k",
    "DirectMap2M",
    "DirectMap1G",
]


@click.command(cls=Command)
@insecure_options
@client_options
@click.option("-v", "--verbose", is_flag=True, help="every figure of /proc/meminfo")
def memory(session: Session, verbose: bool) -> None:
    """Show memory use, in MiB."""
    answers = session.ask("/machine.MachineService/Memory")
    infos = [(node, message.meminfo) for node, answer in answers.good for message in answer.messages]
    if verbose:
        for node, info in infos:
            print(f"NODE: {node}")
            for name in _SPELLING:
                unit = "" if name.startswith("HugePages") else " kB"
                field = name.lower()
                if field in info.DESCRIPTOR.fields_by_name:
                    print(f"{name}: {getattr(info, field)}{unit}")
    else:
        table(
            ("NODE", "TOTAL", "USED", "FREE", "SHARED", "BUFFERS", "CACHE", "AVAILABLE"),
            [
                (
                    node,
                    i.memtotal >> 10,
                    (i.memtotal - i.memfree - i.cached - i.buffers) >> 10,
                    i.memfree >> 10,
                    i.shmem >> 10,
                    i.buffers >> 10,
                    i.cached >> 10,
                    i.memavailable >> 10,
                )
                for node, i in infos
            ],
        )
    answers.finish()
