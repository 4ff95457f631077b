"""Run by the interpreter of the independent Python client (PyPI talos-linux-api-v1-6-0): every method it knows, one
JSON object of what came back. Imports nothing of this project.

    python foreign_python.py HOST CA CERTIFICATE KEY
"""

import asyncio
import contextlib
import json
import ssl
import sys
from typing import Any

from betterproto.lib.google.protobuf import Empty
from grpclib.client import Channel
from grpclib.exceptions import GRPCError
from talos_linux_api.v1_6_0 import cluster, common, inspect, machine, storage, time

host, ca, crt, key = sys.argv[1:5]
# What would end the node, or change it for good, is called in a way that it must refuse.
REQUESTS = {
    "apply_configuration": machine.ApplyConfigurationRequest(data=b"", dry_run=True),
    "bootstrap": machine.BootstrapRequest(),
    "containers": machine.ContainersRequest(namespace="k8s.io", driver=common.ContainerDriver.CRI),
    "copy": machine.CopyRequest(root_path="/etc/hosts"),
    "disk_usage": machine.DiskUsageRequest(paths=["/etc"]),
    "dmesg": machine.DmesgRequest(tail=True),
    "etcd_remove_member": machine.EtcdRemoveMemberRequest(member="nosuch"),
    "etcd_remove_member_by_id": machine.EtcdRemoveMemberByIdRequest(member_id=1),
    "events": machine.EventsRequest(tail_events=3),
    "generate_client_configuration": machine.GenerateClientConfigurationRequest(roles=["os:reader"]),
    "image_list": machine.ImageListRequest(namespace=common.ContainerdNamespace.NS_CRI),
    "image_pull": machine.ImagePullRequest(namespace=common.ContainerdNamespace.NS_CRI, reference="NOSUCH::"),
    "list": machine.ListRequest(root="/etc"),
    "logs": machine.LogsRequest(namespace="system", id="machined", tail_lines=5),
    "meta_delete": machine.MetaDeleteRequest(key=0x7A),
    "meta_write": machine.MetaWriteRequest(key=0, value=b"no key"),
    "netstat": machine.NetstatRequest(
        filter=machine.NetstatRequestFilter.LISTENING,
        feature=machine.NetstatRequestFeature(pid=True),
        l4_proto=machine.NetstatRequestL4Proto(tcp=True, tcp6=True),
        netns=machine.NetstatRequestNetNs(hostnetwork=True),
    )
    if hasattr(machine, "NetstatRequestL4Proto")
    else machine.NetstatRequest(),
    "packet_capture": machine.PacketCaptureRequest(interface="nosuch"),
    "read": machine.ReadRequest(path="/proc/self/mountinfo"),
    "reset": machine.ResetRequest(system_partitions_to_wipe=[machine.ResetPartitionSpec(label="NOSUCH", wipe=True)]),
    "restart": machine.RestartRequest(namespace="k8s.io", id="nosuch"),
    "service_restart": machine.ServiceRestartRequest(id="nosuch"),
    "service_start": machine.ServiceStartRequest(id="nosuch"),
    "service_stop": machine.ServiceStopRequest(id="nosuch"),
    "stats": machine.StatsRequest(namespace="k8s.io", driver=common.ContainerDriver.CRI),
    "upgrade": machine.UpgradeRequest(image=""),
    "block_device_wipe": None,
    "time_check": time.TimeRequest(server="192.0.2.1"),
    "health_check": cluster.HealthCheckRequest(),
}
# Calls that end a node whatever they say, or wait for what is not there; their refusals have tests of their own.
NOT_CALLED = {
    "reboot",
    "shutdown",
    "rollback",
    "etcd_leave_cluster",
    "etcd_forfeit_leadership",
    "etcd_recover",
    "time_check",
    "health_check",
}
STUBS = {
    machine.MachineServiceStub: "/machine.MachineService/",
    storage.StorageServiceStub: "/storage.StorageService/",
    time.TimeServiceStub: "/time.TimeService/",
    inspect.InspectServiceStub: "/inspect.InspectService/",
    cluster.ClusterServiceStub: "/cluster.ClusterService/",
}


async def one(method: Any, request: Any) -> dict[str, Any]:
    try:
        found = method(request)
        if hasattr(found, "__aiter__"):
            answers = []

            async def collect() -> None:
                async for message in found:
                    answers.append(message.to_dict())

            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(collect(), 10)
            return {"answers": answers}
        return {"answers": [(await found).to_dict()]}
    except TypeError:
        return {"client": "this client cannot call it"}  # etcd_remove_member_by_id takes no request there
    except GRPCError as error:
        return {"status": error.status.name, "text": error.message}


async def main() -> None:
    context = ssl.create_default_context(cafile=ca)
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    context.load_cert_chain(crt, key)
    context.set_alpn_protocols(["h2"])
    channel = Channel(host, 50000, ssl=context)
    result = {}
    for kind, prefix in STUBS.items():
        stub = kind(channel)
        for name in sorted(n for n in vars(kind) if not n.startswith("_")):
            if name in NOT_CALLED:
                continue
            request = REQUESTS.get(name) or Empty()
            result[prefix + name] = await one(getattr(stub, name), request)
    channel.close()
    print(json.dumps(result))


asyncio.run(main())
