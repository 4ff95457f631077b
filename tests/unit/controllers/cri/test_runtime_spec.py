"""What a configuration changes for containers: the specification they start from, and profiles they may name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from talos.config.patch import apply_patches
from talos.config.validate import validate
from talos.controllers.cri.seccomp_profile_file import DIRECTORY
from talos.controllers.files.cri_base_runtime_spec import FILE
from talos.resources.block import MountStatusSpec
from talos.resources.cri import BaseRuntimeSpecConfigSpec, SeccompProfileSpec
from talos.resources.files import EtcFileSpecSpec

DOCUMENT = """\
apiVersion: v1alpha1
kind: CRIBaseRuntimeSpecConfig
overrides:
  process: {rlimits: [{type: RLIMIT_NOFILE, hard: 1024, soft: 1024}]}
"""
LEGACY = "machine: {baseRuntimeSpecOverrides: {process: {rlimits: [{type: RLIMIT_NOFILE, hard: 1024, soft: 1024}]}}}"
PROFILES = "machine: {seccompProfiles: [{name: audit.json, value: {defaultAction: SCMP_ACT_LOG}}]}"


async def until(condition: Callable[[], bool]) -> None:
    """Files have no watch."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("patch", [DOCUMENT, LEGACY])
async def test_overrides_reach_the_file_and_leave_it_again(node: Any, make_config: Any, patch: str) -> None:
    config = make_config()
    await node.configure(apply_patches(config, [patch]))
    node.run("cri.RuntimeSpecConfigController", "files.CRIBaseRuntimeSpecController")
    overrides = (await node.get(BaseRuntimeSpecConfigSpec, "overrides")).config
    assert overrides == {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}]}}
    file = await node.get(EtcFileSpecSpec, FILE, lambda spec: "RLIMIT_NOFILE" in spec.contents)
    process = json.loads(file.contents)["process"]
    assert process["rlimits"][0]["hard"] == 1024 and process["noNewPrivileges"] is True
    await node.configure(config)
    await node.get(EtcFileSpecSpec, FILE, lambda spec: "RLIMIT_NOFILE" not in spec.contents)


async def test_profiles_are_written_below_the_mounted_volume_and_removed(node: Any, make_config: Any) -> None:
    config = make_config()
    await node.configure(apply_patches(config, [PROFILES]))
    node.run("cri.SeccompProfileController", "cri.SeccompProfileFileController")
    assert (await node.get(SeccompProfileSpec, "audit.json")).value == {"defaultAction": "SCMP_ACT_LOG"}
    path = node.env.path(DIRECTORY) / "audit.json"
    assert not path.exists()
    await node.put(DIRECTORY, MountStatusSpec(target=DIRECTORY))
    await until(path.exists)
    assert json.loads(path.read_text()) == {"defaultAction": "SCMP_ACT_LOG"}
    await node.configure(config)
    await until(lambda: not path.exists())


@pytest.mark.parametrize("name", ["", "..", "../evil.json", "a/b"])
def test_a_profile_is_a_plain_file(make_config: Any, name: str) -> None:
    patched = apply_patches(make_config(), [PROFILES.replace("audit.json", json.dumps(name))])
    with pytest.raises(Exception, match=r"seccompProfiles\[0\]\.name"):
        validate(patched, "container")
