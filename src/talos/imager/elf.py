"""What an ELF file loads and whether it is a program: the few header fields of elf(5) that this takes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB = 1, 5
ET_EXEC = 2


@dataclass(frozen=True)
class Elf:
    """`needed`: sonames in file order; `program`: it can be started (fixed address or an interpreter named)."""

    needed: tuple[str, ...]
    interpreter: str
    program: bool


def read(path: Path) -> Elf | None:
    """Parses a 64-bit little-endian ELF file; None for anything else."""
    with path.open("rb") as file:
        head = file.read(64)
        if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
            return None
        kind = struct.unpack_from("<H", head, 16)[0]
        table, _, _, _, size, count = struct.unpack_from("<QQIHHH", head, 32)
        file.seek(table)
        raw = file.read(size * count)
        segments = [struct.unpack_from("<IIQQQQ", raw, size * number) for number in range(count)]
        interpreter, needed = "", []
        for segment_type, _, offset, _, _, length in segments:
            if segment_type == PT_INTERP:
                file.seek(offset)
                interpreter = file.read(length).rstrip(b"\0").decode()
            elif segment_type == PT_DYNAMIC:
                file.seek(offset)
                dynamic = file.read(length)
                entries = [struct.unpack_from("<qQ", dynamic, at) for at in range(0, length - 15, 16)]
                strings = next((value for tag, value in entries if tag == DT_STRTAB), 0)
                for load, _, at, address, _, extent in segments:
                    if load == PT_LOAD and address <= strings < address + extent:
                        strings = strings - address + at
                        break
                for tag, value in entries:
                    if tag == DT_NEEDED:
                        file.seek(strings + value)
                        needed.append(file.read(256).split(b"\0")[0].decode())
    return Elf(tuple(needed), interpreter, kind == ET_EXEC or bool(interpreter))


def closure(program: str, root: Path, libraries: str) -> list[str]:
    """Paths below `root` of every library that `program` loads, itself and the dynamic linker included, sorted."""
    found, todo = set(), [program]
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        parsed = read(root / path)
        if parsed:
            todo += [f"{libraries}/{name}" for name in parsed.needed]
            if parsed.interpreter:
                todo.append(f"{libraries}/{Path(parsed.interpreter).name}")
    return sorted(found)


def drop_needed(path: Path, soname: str) -> None:
    """Removes a library from a file's list of what to load, for one that is listed but of which no symbol is used.

    The entry is taken out of the dynamic section and the rest moves up (the section ends at the first null entry).
    """
    data = bytearray(path.read_bytes())
    table, _, _, _, size, count = struct.unpack_from("<QQIHHH", data, 32)
    segments = [struct.unpack_from("<IIQQQQ", data, table + size * number) for number in range(count)]
    _, _, start, _, _, length = next(segment for segment in segments if segment[0] == PT_DYNAMIC)
    entries = [struct.unpack_from("<qQ", data, start + at) for at in range(0, length - 15, 16)]
    strings = next(value for tag, value in entries if tag == DT_STRTAB)
    for kind, _, offset, address, _, extent in segments:
        if kind == PT_LOAD and address <= strings < address + extent:
            strings += offset - address
            break
    wanted = soname.encode() + b"\0"
    kept = [e for e in entries if not (e[0] == DT_NEEDED and data[strings + e[1] :].startswith(wanted))]
    for number, entry in enumerate(kept + [(0, 0)] * (len(entries) - len(kept))):
        struct.pack_into("<qQ", data, start + 16 * number, *entry)
    path.write_bytes(data)
