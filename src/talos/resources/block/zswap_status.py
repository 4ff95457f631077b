"""ZswapStatus: resource type ZswapStatuses.block.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="ZswapStatuses.block.talos.dev",
    namespace="runtime",
    display="ZswapStatus",
    aliases=("zswapstatus", "zs"),
    all_aliases=("zswapstatuses", "zswapstatuses.block", "zswapstatuses.block.talos"),
    columns=(
        ("Total Size", "{.totalSizeHuman}"),
        ("Stored Pages", "{.storedPages}"),
        ("Written Back", "{.writtenBackPages}"),
        ("Pool Limit Hit", "{.poolLimitHit}"),
    ),
    proto="talos.resource.definitions.block.ZswapStatusSpec",
    proto_names={"total_size": "total_size_bytes"},
)
class ZswapStatusSpec(Spec):
    """Spec of ZswapStatuses.block.talos.dev."""

    total_size: int = 0
    total_size_human: str = ""
    stored_pages: int = 0
    pool_limit_hit: int = 0
    reject_reclaim_fail: int = 0
    reject_alloc_fail: int = 0
    reject_kmemcache_fail: int = 0
    reject_compress_fail: int = 0
    reject_compress_poor: int = 0
    written_back_pages: int = 0
