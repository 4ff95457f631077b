"""TUFTrustedRoot: resource type TUFTrustedRoots.security.talos.dev."""

from __future__ import annotations

from datetime import datetime

from talos.state.clock import ZERO_TIME
from talos.state.spec import Spec, resource


@resource(
    type="TUFTrustedRoots.security.talos.dev",
    namespace="security",
    display="TUFTrustedRoot",
    aliases=("tuftrustedroot", "tuftr", "tuftrs"),
    all_aliases=("tuftrustedroots", "tuftrustedroots.security", "tuftrustedroots.security.talos"),
    columns=(("Last Refresh", "{.lastRefreshTime}"),),
    proto="talos.resource.definitions.security.TUFTrustedRootSpec",
    omit_empty=("last_refresh_time", "json_data"),
)
class TUFTrustedRootSpec(Spec):
    """Spec of TUFTrustedRoots.security.talos.dev."""

    last_refresh_time: datetime = ZERO_TIME
    json_data: str = ""
