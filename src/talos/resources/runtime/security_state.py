"""SecurityState: resource type SecurityStates.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.enums import FIPSState, SELinuxState
from talos.state.spec import Spec, resource


@resource(
    type="SecurityStates.talos.dev",
    namespace="runtime",
    display="SecurityState",
    aliases=("securitystate", "ss"),
    all_aliases=("securitystates", "securitystates.talos"),
    columns=(
        ("SecureBoot", "{.secureBoot}"),
        ("UKISigningKeyFingerprint", "{.ukiSigningKeyFingerprint}"),
        ("PCRSigningKeyFingerprint", "{.pcrSigningKeyFingerprint}"),
        ("SELinuxState", "{.selinuxState}"),
        ("ModuleSignatureEnforced", "{.moduleSignatureEnforced}"),
    ),
    proto="talos.resource.definitions.runtime.SecurityStateSpec",
    omit_empty=(
        "uki_signing_key_fingerprint",
        "pcr_signing_key_fingerprint",
        "selinux_state",
        "fips_state",
        "booted_with_uki",
        "module_signature_enforced",
    ),
)
class SecurityStateSpec(Spec):
    """Spec of SecurityStates.talos.dev."""

    secure_boot: bool = False
    uki_signing_key_fingerprint: str = ""
    pcr_signing_key_fingerprint: str = ""
    selinux_state: SELinuxState = SELinuxState.DISABLED
    fips_state: FIPSState = FIPSState.DISABLED
    booted_with_uki: bool = msgspec.field(default=False, name="bootedWithUKI")
    module_signature_enforced: bool = False
