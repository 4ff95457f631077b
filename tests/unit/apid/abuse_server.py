"""A real apid in a process of its own, so that its memory can be read and its death be seen.

python -m tests.unit.apid.abuse_server FOLDER     writes FOLDER/ready.json and serves until its input ends
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.unit.apid.conftest import free_port, start_node
from tests.unit.apid.pki import Authority


async def main(folder: Path) -> None:
    ca = Authority()
    node = await start_node(folder, ca, "127.0.0.1", free_port(), "one", False)
    audit = asyncio.create_task(node.service.audit.run())
    admin, reader = ca.issue("admin", ("os:admin",)), ca.issue("reader", ("os:reader",))
    found = {
        "port": node.service.listener.port,
        "ca": ca.pem.decode(),
        "admin": [admin.certificate.decode(), admin.key.decode()],
        "reader": [reader.certificate.decode(), reader.key.decode()],
    }
    (folder / "ready.new").write_text(json.dumps(found))
    (folder / "ready.new").rename(folder / "ready.json")
    await asyncio.to_thread(sys.stdin.read)
    audit.cancel()
    await node.service.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
