"""The v1alpha1 document, the only one without apiVersion and kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from talos.config.document import Document
from talos.config.forms import Deprecated, Kept, Known
from talos.config.v1alpha1.cluster import ClusterConfig
from talos.config.v1alpha1.machine import MachineConfig
from talos.config.v1alpha1.section_checks import cluster_problems, machine_problems

if TYPE_CHECKING:
    from talos.config.config import Config


class V1Alpha1(Document, kw_only=True):
    """The v1alpha1 document: the machine's identity, and the legacy layout of everything else."""

    KIND: ClassVar[str] = "v1alpha1"
    SECRET: ClassVar[bool] = True

    version: Kept[Annotated[str, Known("v1alpha1")]] = ""
    debug: bool | None = None
    persist: Annotated[bool | None, Deprecated()] = None
    machine: Kept[MachineConfig | None] = None
    cluster: Kept[ClusterConfig | None] = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if self.machine:
            yield from machine_problems(self.machine)
        if self.cluster:
            yield from cluster_problems(self.cluster)

    def warnings(self, config: Config) -> Iterator[str]:
        """What works but should be changed."""
        if self.cluster and self.cluster.allow_scheduling_on_masters is not None:
            yield "cluster.allowSchedulingOnMasters is now cluster.allowSchedulingOnControlPlanes"
        if self.machine and not config.cluster.endpoint and not config.machine.is_control_plane:
            yield (
                "no cluster endpoint: a worker has its certificate signed there; set KubeClusterConfig endpoint "
                "(legacy: cluster.controlPlane.endpoint)"
            )
        if self.machine and not self.machine.token:
            yield "machine.token is empty: machines cannot join with it"
        if self.cluster and not self.cluster.token and config.machine.runs_kubelet:
            yield "cluster.token is empty: kubelets cannot join with it"
