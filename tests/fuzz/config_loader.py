"""Coverage-guided fuzzing of the configuration loader: ``make fuzz``, or this file with libFuzzer's flags.

Any bytes either are refused with ConfigError or are a configuration, and then: what is written reads back equal, a
patch of nothing changes nothing, and it can be redacted, validated and asked for what is not carried out. Anything
else (another exception, a hang, memory without bound) is a finding.

The corpus is in ``corpus/config``: the golden document of every kind, small ones of every form of YAML, and inputs
that once failed; libFuzzer adds what reaches new code to the first folder it is given, so that is a folder outside.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["talos.config"]):
    from talos.config import kinds
    from talos.config.carried_out import unsupported
    from talos.config.config import Config
    from talos.config.errors import ConfigError
    from talos.config.patch import apply_patches
    from talos.config.redact import difference, redact
    from talos.config.validate import validate

    for kind in kinds.MODULES:
        kinds.load(kind)


def one_input(data: bytes) -> None:
    """What must hold of any bytes."""
    try:
        config = Config.decode(data)
    except ConfigError as e:
        assert e.problems and all(e.problems)
        return
    again = Config.decode(config.encode())
    assert again == config, "what was written reads back differently"
    assert again.encode() == config.encode()
    assert apply_patches(config, []) == config
    redact(config)
    assert difference(config, again) == ""
    unsupported(config)
    unsupported(config, "container")
    try:
        validate(config, "metal")
    except ConfigError as e:
        assert e.problems


def main() -> None:
    """Run until told to stop."""
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
