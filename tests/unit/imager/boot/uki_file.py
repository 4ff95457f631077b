"""A unified kernel image as small as one can be: a PE header, and sections with what a test puts in."""

from __future__ import annotations

import struct
from pathlib import Path


def write(path: Path, sections: dict[str, bytes], in_memory: dict[str, int] | None = None) -> Path:
    """Sections in the order given, padded to 512 bytes in the file; in_memory: sizes that differ from the content's."""
    pe, at = 128, 1024
    head = bytearray(b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", pe)).ljust(pe, b"\0")
    head += struct.pack("<4s2xH12xH2x", b"PE\0\0", len(sections), 0)
    body = b""
    for name, content in sections.items():
        padded = content + bytes(-len(content) % 512)
        size = (in_memory or {}).get(name, len(content))
        head += struct.pack("<8sIIII16x", name.encode(), size, at, len(padded), at + len(body))
        body += padded
    path.write_bytes(bytes(head.ljust(at, b"\0")) + body)
    return path
