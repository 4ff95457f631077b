"""What /proc says: memory, load, processors, statistics of system, disks and network devices, processes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from talos.api import machine_pb2
from talos.linux import proc_stat
from talos.machined.rpc import Call, unary

PROC = Path("/proc")
_SECTOR_STATS = [
    "read_completed",
    "read_merged",
    "read_sectors",
    "read_time_ms",
    "write_completed",
    "write_merged",
    "write_sectors",
    "write_time_ms",
    "io_in_progress",
    "io_time_ms",
    "io_time_weighted_ms",
    "discard_completed",
    "discard_merged",
    "discard_sectors",
    "discard_time_ms",
]
_NET_STATS = [
    "rx_bytes",
    "rx_packets",
    "rx_errors",
    "rx_dropped",
    "rx_fifo",
    "rx_frame",
    "rx_compressed",
    "rx_multicast",
    "tx_bytes",
    "tx_packets",
    "tx_errors",
    "tx_dropped",
    "tx_fifo",
    "tx_collisions",
    "tx_carrier",
    "tx_compressed",
]
_SOFT_IRQS = ["hi", "timer", "net_tx", "net_rx", "block", "block_io_poll", "tasklet", "sched", "hrtimer", "rcu"]
_MEMINFO_NAMES = {
    "active(anon)": "activeanon",
    "inactive(anon)": "inactiveanon",
    "active(file)": "activefile",
    "inactive(file)": "inactivefile",
    "nfs_unstable": "nfsunstable",
    "committed_as": "committedas",
    "hugepages_total": "hugepagestotal",
    "hugepages_free": "hugepagesfree",
    "hugepages_rsvd": "hugepagesrsvd",
    "hugepages_surp": "hugepagessurp",
}
_DISK = re.compile(r"(sd[a-z]+|vd[a-z]+|nvme\d+n\d+|xvd[a-z]+|mmcblk\d+|hd[a-z]+|dm-\d+|md\d+|sr\d+)")


@unary("/machine.MachineService/Memory")
async def memory(_call: Call, _request: Any) -> machine_pb2.MemoryResponse:
    """/proc/meminfo, in KiB."""
    info = machine_pb2.MemInfo()
    for name, value in meminfo((PROC / "meminfo").read_text()).items():
        if name in info.DESCRIPTOR.fields_by_name:
            setattr(info, name, value)
    return machine_pb2.MemoryResponse(messages=[machine_pb2.Memory(meminfo=info)])


def meminfo(text: str) -> dict[str, int]:
    """Field name of the wire → value."""
    found = {}
    for name, value in proc_stat.meminfo(text).items():
        key = name.lower()
        found[_MEMINFO_NAMES.get(key, key.replace("_", ""))] = value
    return found


@unary("/machine.MachineService/LoadAvg")
async def load_avg(_call: Call, _request: Any) -> machine_pb2.LoadAvgResponse:
    """Load of one, five and fifteen minutes."""
    one, five, fifteen = os.getloadavg()
    return machine_pb2.LoadAvgResponse(messages=[machine_pb2.LoadAvg(load1=one, load5=five, load15=fifteen)])


@unary("/machine.MachineService/CPUInfo")
async def cpu_info(_call: Call, _request: Any) -> machine_pb2.CPUInfoResponse:
    """/proc/cpuinfo."""
    cpus = [_cpu(block) for block in (PROC / "cpuinfo").read_text().strip().split("\n\n")]
    return machine_pb2.CPUInfoResponse(messages=[machine_pb2.CPUsInfo(cpu_info=cpus)])


_CPU_NAMES = {"apicid": "apic_id", "initial apicid": "initial_apic_id", "cpu mhz": "cpu_mhz", "bogomips": "bogo_mips",
              "cpuid level": "cpu_id_level", "clflush size": "cl_flush_size"}  # fmt: skip
_CPU_LISTS = frozenset({"flags", "bugs"})


def _cpu(block: str) -> machine_pb2.CPUInfo:
    cpu = machine_pb2.CPUInfo()
    for line in block.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        key = _CPU_NAMES.get(name.lower(), name.lower().replace(" ", "_"))
        field = cpu.DESCRIPTOR.fields_by_name.get(key)
        if field is None:
            continue
        if key in _CPU_LISTS:
            getattr(cpu, key).extend(value.split())
        elif field.type == field.TYPE_STRING:
            setattr(cpu, key, value)
        elif field.type == field.TYPE_DOUBLE:
            setattr(cpu, key, float(value))
        else:
            setattr(cpu, key, int(value))
    return cpu


@unary("/machine.MachineService/CPUFreqStats")
async def cpu_freq_stats(_call: Call, _request: Any) -> machine_pb2.CPUFreqStatsResponse:
    """Frequencies in kHz where the kernel offers them."""
    stats = []
    for folder in sorted(Path("/sys/devices/system/cpu").glob("cpu[0-9]*"), key=lambda path: int(path.name[3:])):
        freq = folder / "cpufreq"
        stats.append(
            machine_pb2.CPUFreqStats(
                current_frequency=_number(freq / "scaling_cur_freq"),
                minimum_frequency=_number(freq / "scaling_min_freq"),
                maximum_frequency=_number(freq / "scaling_max_freq"),
                governor=(freq / "scaling_governor").read_text().strip() if freq.is_dir() else "",
            )
        )
    return machine_pb2.CPUFreqStatsResponse(messages=[machine_pb2.CPUsFreqStats(cpu_freq_stats=stats)])


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


@unary("/machine.MachineService/SystemStat")
async def system_stat(_call: Call, _request: Any) -> machine_pb2.SystemStatResponse:
    """/proc/stat; times in seconds."""
    return machine_pb2.SystemStatResponse(messages=[parse_stat((PROC / "stat").read_text())])


def parse_stat(text: str) -> machine_pb2.SystemStat:
    """One message from the text of /proc/stat (proc(5))."""
    found = proc_stat.stat(text)
    result = machine_pb2.SystemStat(
        cpu_total=machine_pb2.CPUStat(**found.total), cpu=[machine_pb2.CPUStat(**times) for times in found.cpus]
    )
    for name, numbers in found.counters.items():
        if name == "intr":
            result.irq_total = numbers[0]
            result.irq.extend(numbers[1:])
        elif name == "softirq":
            result.soft_irq_total = numbers[0]
            result.soft_irq.CopyFrom(machine_pb2.SoftIRQStat(**dict(zip(_SOFT_IRQS, numbers[1:], strict=False))))
        elif name in _STAT_NAMES:
            setattr(result, _STAT_NAMES[name], numbers[0])
    return result


_STAT_NAMES = {"btime": "boot_time", "ctxt": "context_switches", "processes": "process_created",
               "procs_running": "process_running", "procs_blocked": "process_blocked"}  # fmt: skip


@unary("/machine.MachineService/DiskStats")
async def disk_stats(_call: Call, _request: Any) -> machine_pb2.DiskStatsResponse:
    """/proc/diskstats of whole disks, and their sum."""
    total = machine_pb2.DiskStat()
    devices = []
    for line in (PROC / "diskstats").read_text().splitlines():
        fields = line.split()
        if not _DISK.fullmatch(fields[2]):
            continue
        values = dict(zip(_SECTOR_STATS, (int(value) for value in fields[3:]), strict=False))
        devices.append(machine_pb2.DiskStat(name=fields[2], **values))
        for key, value in values.items():
            setattr(total, key, getattr(total, key) + value)
    return machine_pb2.DiskStatsResponse(messages=[machine_pb2.DiskStats(total=total, devices=devices)])


@unary("/machine.MachineService/NetworkDeviceStats")
async def network_device_stats(_call: Call, _request: Any) -> machine_pb2.NetworkDeviceStatsResponse:
    """/proc/net/dev, and the sum, which is named after all that are in it."""
    total = machine_pb2.NetDev()
    devices = []
    for line in (PROC / "net/dev").read_text().splitlines()[2:]:
        name, _, rest = line.partition(":")
        values = dict(zip(_NET_STATS, (int(value) for value in rest.split()), strict=False))
        devices.append(machine_pb2.NetDev(name=name.strip(), **values))
        for key, value in values.items():
            setattr(total, key, getattr(total, key) + value)
    total.name = ", ".join(sorted(device.name for device in devices))
    return machine_pb2.NetworkDeviceStatsResponse(
        messages=[machine_pb2.NetworkDeviceStats(total=total, devices=devices)]
    )


@unary("/machine.MachineService/Processes")
async def processes(_call: Call, _request: Any) -> machine_pb2.ProcessesResponse:
    """Every process of the node."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                found.append(_process(entry))
            except (OSError, ValueError, IndexError):
                continue  # it ended while it was looked at
    found.sort(key=lambda process: process.pid)
    return machine_pb2.ProcessesResponse(messages=[machine_pb2.Process(processes=found)])


def _process(folder: Path) -> machine_pb2.ProcessInfo:
    text = (folder / "stat").read_text()
    command = text[text.index("(") + 1 : text.rindex(")")]
    fields = text.rpartition(")")[2].split()
    arguments = (folder / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    try:
        executable = str((folder / "exe").readlink())
    except OSError:
        executable = ""
    tick = os.sysconf("SC_CLK_TCK")
    return machine_pb2.ProcessInfo(
        pid=int(folder.name),
        ppid=int(fields[1]),
        state=fields[0],
        threads=int(fields[17]),
        cpu_time=(int(fields[11]) + int(fields[12])) / tick,
        virtual_memory=int(fields[20]),
        resident_memory=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        command=command,
        executable=executable,
        args=arguments,
    )
