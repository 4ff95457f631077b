"""Firewall rules through nft(8): scripts on its standard input, each applied as one transaction.

A program rather than netlink: the grammar is stable and public, the nfnetlink encoding of expressions is neither, and
kube-proxy needs the program in the image anyway.
"""

from __future__ import annotations

import asyncio

PROGRAM = "/usr/sbin/nft"


class NftError(Exception):
    """nft refused a script; the text is its complaint."""


async def run(script: str, program: str = PROGRAM) -> None:
    """Apply a script. NftError, with nothing applied."""
    process = await asyncio.create_subprocess_exec(
        program,
        "-f",
        "-",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _out, error = await process.communicate(script.encode())
    if process.returncode != 0:
        raise NftError(f"nft ended with {process.returncode}: {error.decode(errors='replace').strip()}")
