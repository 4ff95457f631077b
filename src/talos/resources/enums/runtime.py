"""Enumerations of the domain runtime: number on the proto wire, text in YAML."""

from __future__ import annotations

from talos.state.enums import WireEnum


class FIPSState(WireEnum):
    """Enumeration RuntimeFIPSState of the wire contract."""

    DISABLED = 0, "disabled"
    ENABLED = 1, "enabled"
    STRICT = 2, "strict"


class KernelModuleState(WireEnum):
    """Enumeration RuntimeKernelModuleState of the wire contract."""

    LIVE = 0, "live"
    LOADING = 1, "loading"
    UNLOADING = 2, "unloading"
    BUILTIN = 3, "built-in"


class KernelModuleType(WireEnum):
    """Enumeration RuntimeKernelModuleType of the wire contract."""

    UNKNOWN = 0, "unknown"
    BUILTIN = 1, "built-in"
    DYNAMIC = 2, "dynamic"


class MachineStage(WireEnum):
    """Enumeration RuntimeMachineStage of the wire contract."""

    UNKNOWN = 0, "unknown"
    BOOTING = 1, "booting"
    INSTALLING = 2, "installing"
    MAINTENANCE = 3, "maintenance"
    RUNNING = 4, "running"
    REBOOTING = 5, "rebooting"
    SHUTTING_DOWN = 6, "shutting down"
    RESETTING = 7, "resetting"
    UPGRADING = 8, "upgrading"


class SELinuxState(WireEnum):
    """Enumeration RuntimeSELinuxState of the wire contract."""

    DISABLED = 0, "disabled"
    PERMISSIVE = 1, "permissive"
    ENFORCING = 2, "enforcing"


class UnattendedInstallPhase(WireEnum):
    """Enumeration RuntimeUnattendedInstallPhase of the wire contract."""

    PENDING = 0, "pending"
    INSTALLING = 1, "installing"
    INSTALLED = 2, "installed"
    WAITING_FOR_REBOOT = 3, "waiting-for-reboot"
    FAILED = 4, "failed"
