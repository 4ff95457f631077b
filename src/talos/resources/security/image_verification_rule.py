"""ImageVerificationRule: resource type ImageVerificationRules.security.talos.dev."""

from __future__ import annotations

from talos.state.spec import Part, Spec, part, resource


@part(omit_empty=("subject", "subject_regex"))
class ImageKeylessVerifierSpec(Part):
    """Message ImageKeylessVerifierSpec of the wire contract."""

    issuer: str = ""
    subject: str = ""
    subject_regex: str = ""


class ImagePublicKeyVerifierSpec(Part):
    """Message ImagePublicKeyVerifierSpec of the wire contract."""

    certificate: str = ""


@resource(
    type="ImageVerificationRules.security.talos.dev",
    namespace="security",
    display="ImageVerificationRule",
    aliases=("imageverificationrule", "ivr", "ivrs"),
    all_aliases=("imageverificationrules", "imageverificationrules.security", "imageverificationrules.security.talos"),
    columns=(("Pattern", "{.imagePattern}"), ("Skip", "{.skip}"), ("Deny", "{.deny}")),
    proto="talos.resource.definitions.security.ImageVerificationRuleSpec",
    omit_empty=("image_pattern", "keyless_verifier", "public_key_verifier"),
)
class ImageVerificationRuleSpec(Spec):
    """Spec of ImageVerificationRules.security.talos.dev."""

    image_pattern: str = ""
    skip: bool = False
    deny: bool = False
    keyless_verifier: ImageKeylessVerifierSpec | None = None
    public_key_verifier: ImagePublicKeyVerifierSpec | None = None
