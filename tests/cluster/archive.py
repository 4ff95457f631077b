"""An image archive of one static program, made here: nothing is fetched, and what runs is known byte by byte."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import subprocess
import tarfile
from pathlib import Path

# Says what it sees of the node, copies its input to its output, and ends with a code that tells how.
PROGRAM = r"""
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
static void resized(int n) { struct winsize w; ioctl(0, TIOCGWINSZ, &w);
  dprintf(1, "size %d %d\n", w.ws_col, w.ws_row); }
static void asked(int n) { dprintf(1, "signal %d\n", n); _exit(42); }
int main(int argc, char **argv, char **env) {
  char line[4096]; ssize_t n;
  signal(SIGWINCH, resized); signal(SIGUSR1, asked);
  for (int i = 1; i < argc; i++) printf("arg %s\n", argv[i]);
  for (; *env; env++) if (!strncmp(*env, "DEBUG_", 6)) printf("env %s\n", *env);
  FILE *f = fopen("/proc/1/cmdline", "r"); n = f ? fread(line, 1, sizeof line, f) : 0;
  printf("pid1 %.*s\n", (int)n, line);
  printf("tty %d\nhost %d\nready\n", isatty(0), access("/host/system/state", F_OK) == 0); fflush(stdout);
  if (argc > 1 && !strcmp(argv[1], "flood")) for (;;) if (write(1, line, sizeof line) < 0) return 9;
  while ((n = read(0, line, sizeof line)) != 0) if (n > 0 && write(1, line, n) < 0) return 9;
  return 7;
}
"""


def build(folder: Path, name: str) -> Path:
    """A docker archive with an image of that name; its entry point is the program."""
    source = folder / "debug.c"
    source.write_text(PROGRAM)
    program = folder / "debug"
    subprocess.run(["cc", "-static", "-O1", "-w", "-o", program, source], check=True)
    layer = tar({"debug": program.read_bytes()}, mode=0o755)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    config = json.dumps(
        {
            "architecture": machine,
            "os": "linux",
            "config": {"Entrypoint": ["/debug"], "Env": ["DEBUG_IMAGE=yes"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    path = folder / "image.tar"
    path.write_bytes(tar({"config.json": config, "layer.tar": layer, "manifest.json": json.dumps(manifest).encode()}))
    return path


def tar(files: dict[str, bytes], mode: int = 0o644) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
