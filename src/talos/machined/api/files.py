"""Files of the node: List, Read, Copy, DiskUsage, and Mounts and Statfs, which answer about their file systems."""

from __future__ import annotations

import asyncio
import os
import stat
import tarfile
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from grpclib import GRPCError, Status

from talos.api import common_pb2, machine_pb2
from talos.linux.mount import mounts
from talos.machined.rpc import Call, server_stream, unary

CHUNK = 64 * 1024
_BLOCK = 512
_YIELD_EVERY = 64
_WAIT_S = 0.1
_GZIP = zlib.MAX_WBITS | 16
_TAR_TYPES = {stat.S_IFREG: tarfile.REGTYPE, stat.S_IFDIR: tarfile.DIRTYPE, stat.S_IFLNK: tarfile.SYMTYPE}


@server_stream("/machine.MachineService/List")
async def list_files(call: Call, request: Any) -> AsyncIterator[machine_pb2.FileInfo]:
    """A folder's entries, or what lies below down to a depth. What cannot be read is reported in its own entry. A path
    without a leading slash begins at the root."""
    root = _path(call, "/" + request.root.lstrip("/"))
    if not os.path.lexists(root):
        raise GRPCError(Status.UNKNOWN, f"lstat {request.root}: no such file or directory")
    depth = (request.recursion_depth or -1) if request.recurse else 1
    types = frozenset(request.types)
    for count, (path, status, error) in enumerate(_walk(root, depth)):
        if status is not None and types and not _is_wanted(status.st_mode, types):
            continue
        yield _info(path, root, status, error, xattrs=request.report_xattrs)
        if count % _YIELD_EVERY == 0:
            await asyncio.sleep(0)


@server_stream("/machine.MachineService/Read")
async def read(call: Call, request: Any) -> AsyncIterator[common_pb2.Data]:
    """A regular file's content."""
    path = _path(call, request.path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise GRPCError(Status.UNKNOWN, "path must be a regular file")
        async for chunk in _content(path):
            yield common_pb2.Data(bytes=chunk)
    except FileNotFoundError as error:
        raise GRPCError(Status.NOT_FOUND, f"stat {request.path}: no such file or directory") from error


async def _content(path: Path, flags: int = 0) -> AsyncGenerator[bytes]:
    """A file's content in chunks. Never blocks: /proc/kmsg and trace_pipe call themselves regular files and make a
    reader wait for the next line, which would stop every other call of the node."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    try:
        while True:
            try:
                chunk = os.read(descriptor, CHUNK)
            except BlockingIOError:
                await asyncio.sleep(_WAIT_S)
                continue
            if not chunk:
                return
            yield chunk
            await asyncio.sleep(0)
    finally:
        os.close(descriptor)


@server_stream("/machine.MachineService/Copy")
async def copy(call: Call, request: Any) -> AsyncIterator[common_pb2.Data]:
    """A file or folder as a gzipped tar; names are relative to its parent for a file, to itself for a folder."""
    root = _path(call, request.root_path)
    if not os.path.lexists(root):
        raise GRPCError(Status.UNKNOWN, f"lstat {request.root_path}: no such file or directory")
    packer = zlib.compressobj(wbits=_GZIP)
    pending = bytearray()
    async for block in _tar(root):
        pending += packer.compress(block)
        if len(pending) >= CHUNK:
            yield common_pb2.Data(bytes=bytes(pending))
            pending.clear()
    yield common_pb2.Data(bytes=bytes(pending) + packer.flush())


async def _tar(root: Path) -> AsyncIterator[bytes]:
    """Blocks of a tar of files, folders and links. Made here and not by tarfile, which packs a whole file, however
    large, in one call: machined would neither answer nor keep its memory meanwhile."""
    for path, status, _error in _walk(root, -1):
        await asyncio.sleep(0)
        if status is None:
            continue
        kind = _TAR_TYPES.get(stat.S_IFMT(status.st_mode))
        if kind is None:
            continue
        name = root.name if path == root and kind != tarfile.DIRTYPE else str(path.relative_to(root))
        info = tarfile.TarInfo(name)
        info.type, info.mode = kind, stat.S_IMODE(status.st_mode)
        info.uid, info.gid, info.mtime = status.st_uid, status.st_gid, int(status.st_mtime)
        content = None
        try:
            if kind == tarfile.SYMTYPE:
                info.linkname = str(path.readlink())
            elif kind == tarfile.REGTYPE:
                info.size = status.st_size
                content = _content(path, os.O_NOFOLLOW)
                first = await anext(content, b"")
        except OSError:
            continue  # gone or unreadable meanwhile: a copy of a live folder has what was there
        yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        if content is None:
            continue
        left = info.size
        try:
            chunk = first
            while chunk and left:
                yield chunk[:left]
                left -= len(chunk[:left])
                chunk = await anext(content, b"") if left else b""
        finally:
            await content.aclose()
        while left:  # it shrank since its size was read: filled up, as other tars do
            yield bytes(min(left, CHUNK))
            left -= min(left, CHUNK)
        yield bytes(-info.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


@server_stream("/machine.MachineService/DiskUsage")
async def disk_usage(call: Call, request: Any) -> AsyncIterator[machine_pb2.DiskUsageInfo]:
    """Sizes on disk of folders (and with `all` of files), children first; a threshold above zero hides what is smaller,
    below zero what is larger."""
    for given in request.paths or ["/"]:
        root = _path(call, given)
        if not os.path.lexists(root):
            yield machine_pb2.DiskUsageInfo(name=str(given), error=f"lstat {given}: no such file or directory")
            continue
        depth = request.recursion_depth or 0
        sizes: list[tuple[Path, int, bool]] = []
        total = await asyncio.to_thread(_usage, root, sizes)
        sizes.append((root, total, True))
        for path, size, is_folder in sizes:
            below = len(path.relative_to(root).parts)
            if (not is_folder and not request.all and path != root) or below > depth:
                continue
            if (request.threshold > 0 and size < request.threshold) or (
                request.threshold < 0 and size > -request.threshold
            ):
                continue
            name = "." if path == root else str(path.relative_to(root))
            yield machine_pb2.DiskUsageInfo(name=str(path), relative_name=name, size=size)


def _usage(folder: Path, sizes: list[tuple[Path, int, bool]]) -> int:
    status = folder.lstat()
    total = status.st_blocks * _BLOCK
    if not stat.S_ISDIR(status.st_mode):
        return total
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return total
    for entry in entries:
        path = Path(entry.path)
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
            size = _usage(path, sizes) if is_folder else entry.stat(follow_symlinks=False).st_blocks * _BLOCK
        except OSError:
            continue
        sizes.append((path, size, is_folder))
        total += size
    return total


@unary("/machine.MachineService/Mounts")
async def list_mounts(_call: Call, _request: Any) -> machine_pb2.MountsResponse:
    """Mounted file systems with their sizes."""
    stats = []
    for mount in mounts():
        try:
            size = os.statvfs(mount.target)
        except OSError:
            continue
        stats.append(
            machine_pb2.MountStat(
                filesystem=mount.source,
                size=size.f_blocks * size.f_frsize,
                available=size.f_bavail * size.f_frsize,
                mounted_on=mount.target,
            )
        )
    return machine_pb2.MountsResponse(messages=[machine_pb2.Mounts(stats=stats)])


def _path(call: Call, text: str) -> Path:
    if not text.startswith("/"):
        raise GRPCError(Status.INVALID_ARGUMENT, f"path is not absolute {text}")
    return call.node.env.path(os.path.normpath(text))


def _walk(root: Path, depth: int) -> Iterator[tuple[Path, os.stat_result | None, str]]:
    try:
        status = root.lstat()
    except OSError as error:
        yield root, None, error.strerror or str(error)
        return
    yield root, status, ""
    if not stat.S_ISDIR(status.st_mode):
        return
    yield from _walk_folder(root, depth)


def _walk_folder(folder: Path, depth: int) -> Iterator[tuple[Path, os.stat_result | None, str]]:
    if depth == 0:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield folder, None, error.strerror or str(error)
        return
    for entry in entries:
        path = Path(entry.path)
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            yield path, None, error.strerror or str(error)
            continue
        yield path, status, ""
        if stat.S_ISDIR(status.st_mode):
            yield from _walk_folder(path, depth - 1)


def _is_wanted(mode: int, types: frozenset[int]) -> bool:
    kinds = machine_pb2.ListRequest
    return (
        (kinds.REGULAR in types and stat.S_ISREG(mode))
        or (kinds.DIRECTORY in types and stat.S_ISDIR(mode))
        or (kinds.SYMLINK in types and stat.S_ISLNK(mode))
    )


# Type bits of Go's fs.FileMode, which the wire carries (pkg.go.dev/io/fs#FileMode); permissions are the lower nine.
_GO_BITS = (
    (stat.S_ISDIR, 1 << 31),
    (stat.S_ISLNK, 1 << 27),
    (stat.S_ISBLK, 1 << 26),
    (stat.S_ISFIFO, 1 << 25),
    (stat.S_ISSOCK, 1 << 24),
    (stat.S_ISCHR, 1 << 26 | 1 << 21),
)


def go_mode(mode: int) -> int:
    """A Unix mode in Go's form."""
    result = mode & 0o777
    for test, bits in _GO_BITS:
        if test(mode):
            result |= bits
    for unix, bit in ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20)):
        if mode & unix:
            result |= bit
    return result


def _info(path: Path, root: Path, status: os.stat_result | None, error: str, *, xattrs: bool) -> machine_pb2.FileInfo:
    relative = "." if path == root else str(path.relative_to(root))
    if path == root and status is not None and not stat.S_ISDIR(status.st_mode):
        relative = path.name
    if status is None:
        return machine_pb2.FileInfo(name=str(path), relative_name=relative, error=error)
    info = machine_pb2.FileInfo(
        name=str(path),
        relative_name=relative,
        size=status.st_size,
        mode=go_mode(status.st_mode),
        modified=int(status.st_mtime),
        is_dir=stat.S_ISDIR(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
    )
    if stat.S_ISLNK(status.st_mode):
        info.link = str(path.readlink())
    if xattrs:
        for name in _xattr_names(path):
            info.xattrs.add(name=name, data=os.getxattr(path, name, follow_symlinks=False))
    return info


def _xattr_names(path: Path) -> list[str]:
    try:
        return os.listxattr(path, follow_symlinks=False)
    except OSError:
        return []


@unary("/machine.StorageService/Statfs")
async def statfs(call: Call, request: Any) -> machine_pb2.StorageServiceStatfsResponse:
    """Size and use of the file system that holds a path."""
    path = _path(call, request.path)
    try:
        found = os.statvfs(path)
    except FileNotFoundError as error:
        raise GRPCError(Status.NOT_FOUND, f"statfs {request.path}: no such file or directory") from error
    return machine_pb2.StorageServiceStatfsResponse(
        size=found.f_blocks * found.f_frsize,
        used=(found.f_blocks - found.f_bfree) * found.f_frsize,
        available=found.f_bavail * found.f_frsize,
        inodes=found.f_files,
        inodes_used=found.f_files - found.f_ffree,
        inodes_free=found.f_ffree,
    )
