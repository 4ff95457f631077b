"""AuditHead: resource type AuditHeads.audit.pytalos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="AuditHeads.audit.pytalos.dev",
    namespace="runtime",
    display="AuditHead",
    aliases=("audithead",),
    all_aliases=("auditheads", "auditheads.audit", "auditheads.audit.pytalos"),
    columns=(("Seq", "{.seq}"), ("Hash", "{.hash}")),
)
class AuditHeadSpec(Spec):
    """The last record of the node's audit log. Kept elsewhere, it proves later that none before it was changed."""

    seq: int = 0
    hash: str = ""
