"""Resource types of the domain etcd."""

from __future__ import annotations

from talos.resources.etcd.arg_values import ArgValues
from talos.resources.etcd.etcd_config import ConfigSpec
from talos.resources.etcd.etcd_member import MemberSpec
from talos.resources.etcd.etcd_spec import SpecSpec
from talos.resources.etcd.pki_status import PKIStatusSpec

__all__ = [
    "ArgValues",
    "ConfigSpec",
    "MemberSpec",
    "PKIStatusSpec",
    "SpecSpec",
]
