"""The wish to found a new etcd cluster on this node, as a resource.

A resource and not a call into the service: the Bootstrap method can then answer at once, whoever starts etcd watches
for it, and it survives a restart of etcd. It is ours, not Talos', hence the group.
"""

from __future__ import annotations

from talos.state import Spec, resource

ID = "bootstrap"


@resource(
    type="EtcdBootstrapRequests.etcd.pytalos.dev",
    namespace="etcd",
    display="EtcdBootstrapRequest",
    aliases=("etcdbootstraprequest",),
    all_aliases=("etcdbootstraprequests",),
)
class EtcdBootstrapRequest(Spec):
    """``snapshot``: path of a database snapshot to start from, empty for a new database."""

    snapshot: str = ""
    skip_hash_check: bool = False
