"""EtcdMember: resource type EtcdMembers.etcd.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="EtcdMembers.etcd.talos.dev",
    namespace="etcd",
    display="EtcdMember",
    aliases=("etcdmember", "em", "ems"),
    all_aliases=("etcdmembers", "etcdmembers.etcd", "etcdmembers.etcd.talos"),
    columns=(("Member ID", "{.memberID}"),),
    proto="talos.resource.definitions.etcd.MemberSpec",
)
class MemberSpec(Spec):
    """Spec of EtcdMembers.etcd.talos.dev."""

    member_id: str = msgspec.field(default="", name="memberID")
