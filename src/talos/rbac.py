"""Roles of the API and which of them may call a method: one table for apid, machined and the command line.

A role is a value of the organization in the client certificate. apid decides first; machined decides again on the
roles that apid hands over, because a fault in apid must not open the machine. In maintenance mode nobody shows a
certificate and everybody is os:reader, so the methods reachable then are exactly those of os:reader.
"""

from __future__ import annotations

from collections.abc import Iterable

ADMIN = "os:admin"
OPERATOR = "os:operator"
READER = "os:reader"
ETCD_BACKUP = "os:etcd:backup"
IMAGE_VERIFIER = "os:image:verifier"
META_WRITER = "os:meta:writer"
IMPERSONATOR = "os:impersonator"
APID = "pytalos:apid"
"""Held by no certificate: apid itself, when it speaks to machined on its own account."""

KNOWN = frozenset({ADMIN, OPERATOR, READER, ETCD_BACKUP, IMAGE_VERIFIER, META_WRITER, IMPERSONATOR})
NOT_AUTHORIZED = "not authorized"
AUDIT_APPEND = "/pytalos.audit.AuditService/Append"
UNAUDITED = frozenset({AUDIT_APPEND})
"""Not in the audit log: what writes it."""


def _all(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(prefix + name for name in names.split())


_TABLE: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (
    (
        frozenset({ADMIN, OPERATOR, READER}),
        (
            *_all("/cluster.ClusterService/", "HealthCheck"),
            *_all("/cosi.resource.State/", "Get List Watch"),
            *_all("/inspect.InspectService/", "ControllerRuntimeDependencies"),
            *_all("/machine.ImageService/", "List"),
            *_all(
                "/machine.MachineService/",
                "CPUFreqStats CPUInfo Containers DiskStats DiskUsage Dmesg Events "
                "Hostname ImageList List LoadAvg Logs LogsContainers Memory Mounts "
                "Netstat NetworkDeviceStats Processes ServiceList Stats SystemStat "
                "Version",
            ),
            *_all("/machine.StorageService/", "Statfs"),
            *_all("/pytalos.slots.SlotService/", "Plan"),
            *_all("/storage.StorageService/", "Disks"),
            *_all("/time.TimeService/", "Time TimeCheck"),
            *_all("/pytalos.config.ConfigService/", "History Diff"),
        ),
    ),
    (
        frozenset({ADMIN}),
        (
            *_all("/cosi.resource.State/", "Create Destroy Teardown TeardownAndDestroy Update"),
            *_all("/machine.DebugService/", "ContainerRun"),
            *_all("/machine.ImageService/", "Import Remove"),
            *_all("/machine.LifecycleService/", "Install Upgrade"),
            *_all("/pytalos.config.ConfigService/", "Apply Restore Confirm"),
            *_all("/pytalos.slots.SlotService/", "Boot Write"),
            *_all(
                "/machine.MachineService/",
                "Bootstrap Copy EtcdDowngradeCancel EtcdDowngradeEnable "
                "EtcdDowngradeValidate EtcdForfeitLeadership EtcdLeaveCluster "
                "EtcdRecover EtcdRemoveMemberByID GenerateClientConfiguration "
                "Kubeconfig Read Reset Rollback Upgrade",
            ),
        ),
    ),
    (
        frozenset({ADMIN, OPERATOR}),
        (
            *_all("/machine.ImageService/", "Pull"),
            *_all("/pytalos.audit.AuditService/", "Read"),
            *_all(
                "/machine.MachineService/",
                "EtcdAlarmDisarm EtcdDefragment ImagePull PacketCapture Reboot "
                "Restart ServiceRestart ServiceStart ServiceStop Shutdown",
            ),
        ),
    ),
    (frozenset({ADMIN, OPERATOR, READER, IMAGE_VERIFIER}), (*_all("/machine.ImageService/", "Verify"),)),
    (
        frozenset({ADMIN, READER}),
        (
            *_all("/machine.LVMService/", "LogicalVolumeRemove PhysicalVolumeRemove VolumeGroupRemove"),
            *_all("/machine.MDService/", "Destroy"),
            *_all("/machine.MachineService/", "ApplyConfiguration"),
            *_all("/storage.StorageService/", "BlockDeviceWipe"),
        ),
    ),
    (
        frozenset({ADMIN, OPERATOR, READER, ETCD_BACKUP}),
        (*_all("/machine.MachineService/", "EtcdAlarmList EtcdMemberList EtcdStatus"),),
    ),
    (frozenset({ADMIN, OPERATOR, ETCD_BACKUP}), (*_all("/machine.MachineService/", "EtcdSnapshot"),)),
    (frozenset({ADMIN, META_WRITER}), (*_all("/machine.MachineService/", "MetaDelete MetaWrite"),)),
    (frozenset({APID}), (AUDIT_APPEND,)),
    (KNOWN - {IMPERSONATOR}, (*_all("/pytalos.access.AccessService/", "Explain Renew"),)),
    (frozenset({ADMIN}), (*_all("/pytalos.access.AccessService/", "Issue"),)),
)
METHODS: dict[str, frozenset[str]] = {path: roles for roles, paths in _TABLE for path in paths}
"""Roles of which one is needed, by method path."""

READER_ONLY_IN_MAINTENANCE = frozenset(
    {
        "/machine.LVMService/LogicalVolumeRemove",
        "/machine.LVMService/PhysicalVolumeRemove",
        "/machine.LVMService/VolumeGroupRemove",
        "/machine.MDService/Destroy",
        "/machine.MachineService/ApplyConfiguration",
        "/storage.StorageService/BlockDeviceWipe",
    }
)
"""os:reader may call these while the node has no configuration; afterwards they need os:admin."""

_DEFAULT = frozenset({ADMIN})  # also a method that does not exist: only an administrator learns that it does not


def needed(method: str, maintenance: bool = False) -> frozenset[str]:
    """Roles of which one is needed to call `method` (path with leading slash)."""
    if not maintenance and method in READER_ONLY_IN_MAINTENANCE:
        return _DEFAULT
    return METHODS.get(method, _DEFAULT)


def allowed(method: str, roles: Iterable[str], maintenance: bool = False) -> bool:
    """Whether one of `roles` may call `method`."""
    return not needed(method, maintenance).isdisjoint(roles)


def refusal(method: str, roles: Iterable[str], maintenance: bool = False) -> str:
    """Why the call is refused, and who could make it. Clients look for the first two words."""
    names = sorted(needed(method, maintenance) & KNOWN)
    text = f"{NOT_AUTHORIZED}: {method.rpartition('/')[2]} needs {' or '.join(names) or 'a process of the node'}"
    if maintenance:
        return f"{text}; in maintenance mode everybody is {READER}"
    return f"{text}; the caller has {', '.join(sorted(roles)) or 'no role'}"
