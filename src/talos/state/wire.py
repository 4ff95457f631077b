"""Resources as messages of cosi.resource, and back.

Two codecs write the spec: clients of the API get proto_spec and the yaml_spec of a
genuine node; between the node's own processes the spec is JSON in yaml_spec (which is
YAML too), because msgspec writes and reads that in microseconds.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from talos.api import cosi_resource_pb2 as pb
from talos.state.clock import ZERO_TIME
from talos.state.query import LabelQuery, Op, Term
from talos.state.resource import AnyResource, Metadata, Phase, Resource
from talos.state.spec import Spec


class Codec(Protocol):
    """How a spec travels."""

    def encode(self, spec: Spec) -> tuple[bytes, str]:
        """(proto_spec, yaml_spec)"""

    def decode(self, kind: type[Spec], yaml_spec: str) -> Spec:
        """ValueError when the text is no spec of this kind."""


class JsonCodec:
    """Between the processes of one node, which run the same code."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._decoders: dict[type[Spec], msgspec.json.Decoder[Any]] = {}

    def encode(self, spec: Spec) -> tuple[bytes, str]:
        return b"", self._encoder.encode(spec).decode()

    def decode(self, kind: type[Spec], yaml_spec: str) -> Spec:
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.json.Decoder(kind)
        spec: Spec = decoder.decode(yaml_spec)
        return spec


def encode_metadata(md: Metadata, target: pb.Metadata) -> None:
    """Fill a metadata message."""
    target.namespace = md.namespace
    target.type = md.type
    target.id = md.id
    target.version = str(md.version) if md.version else "undefined"
    target.owner = md.owner
    target.phase = md.phase.value
    if md.created != ZERO_TIME:
        target.created.FromDatetime(md.created)
    if md.updated != ZERO_TIME:
        target.updated.FromDatetime(md.updated)
    target.finalizers.extend(md.finalizers)
    target.labels.update(md.labels)
    target.annotations.update(md.annotations)


def decode_metadata(source: pb.Metadata) -> Metadata:
    """The metadata of a message. ValueError."""
    version = 0 if source.version in ("", "undefined") else int(source.version)
    return Metadata(
        namespace=source.namespace,
        type=source.type,
        id=source.id,
        version=version,
        owner=source.owner,
        phase=Phase(source.phase) if source.phase else Phase.RUNNING,
        finalizers=list(source.finalizers),
        labels=dict(source.labels),
        annotations=dict(source.annotations),
        created=_time(source, "created"),
        updated=_time(source, "updated"),
    )


def _time(source: pb.Metadata, field: str) -> datetime.datetime:
    if not source.HasField(field):
        return ZERO_TIME
    stamp: datetime.datetime = getattr(source, field).ToDatetime(tzinfo=datetime.UTC)
    return stamp


def encode_resource(resource: AnyResource, codec: Codec, target: pb.Resource) -> None:
    """Fill a resource message."""
    encode_metadata(resource.md, target.metadata)
    target.spec.proto_spec, target.spec.yaml_spec = codec.encode(resource.spec)


def decode_resource(source: pb.Resource, kind: type[Spec], codec: Codec) -> AnyResource:
    """The resource of a message. ValueError."""
    return Resource(decode_metadata(source.metadata), codec.decode(kind, source.spec.yaml_spec))


_OPS = {
    pb.LabelTerm.EXISTS: Op.EXISTS,
    pb.LabelTerm.EQUAL: Op.EQUAL,
    pb.LabelTerm.IN: Op.IN,
    pb.LabelTerm.LT: Op.LESS,
    pb.LabelTerm.LTE: Op.LESS_EQUAL,
    pb.LabelTerm.LT_NUMERIC: Op.LESS_NUMERIC,
    pb.LabelTerm.LTE_NUMERIC: Op.LESS_EQUAL_NUMERIC,
}
_NUMBERS = {op: number for number, op in _OPS.items()}


def decode_queries(queries: Iterable[pb.LabelQuery]) -> LabelQuery:
    """Label queries of a request. NOT_EXISTS is EXISTS inverted."""
    return tuple(tuple(_term(term) for term in query.terms) for query in queries)


def _term(term: pb.LabelTerm) -> Term:
    if term.op == pb.LabelTerm.NOT_EXISTS:
        return Term(term.key, Op.EXISTS, (), not term.invert)
    op = _OPS.get(term.op)
    if op is None:
        raise ValueError(f"unknown operation {term.op} in a label query on {term.key}")
    if op is not Op.EXISTS and not term.value:
        raise ValueError(f"the label query on {term.key} has no value")
    return Term(term.key, op, tuple(term.value), term.invert)


def encode_queries(queries: LabelQuery) -> list[pb.LabelQuery]:
    """Label queries as messages."""
    return [
        pb.LabelQuery(
            terms=[pb.LabelTerm(key=t.key, op=_NUMBERS[t.op], value=t.values, invert=t.invert) for t in query]
        )
        for query in queries
    ]
