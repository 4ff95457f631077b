"""What a genuine HPACK decoder reads out of our header blocks, and that h2's client takes answers made of them."""

from __future__ import annotations

from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from talos.transport.header_block import RememberingDecoder, literals

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
VALUES = st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=500)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_a_decoder_reads_the_same(headers: list[tuple[str, str]]) -> None:
    found = Decoder().decode(literals(headers), raw=True)
    assert [(name.decode("latin-1"), value.decode("latin-1")) for name, value in found] == headers  # type: ignore[union-attr]


def test_the_decoders_table_stays_what_an_encoder_believes_it_to_be() -> None:
    encoder, decoder = Encoder(), Decoder()
    for turn in range(3):
        assert decoder.decode(literals([(":status", "200"), ("grpc-status", str(turn))]))
        assert decoder.decode(encoder.encode([("x", "1"), ("y", str(turn))])) == [("x", "1"), ("y", str(turn))]


FIELDS = st.tuples(
    st.sampled_from([":method", "te", "x", "node"]), st.sampled_from(["POST", "trailers", "1", "2" * 900])
)


@given(st.lists(st.lists(FIELDS, max_size=5), max_size=12), st.integers(0, 3))
def test_what_is_remembered_is_what_would_be_read(blocks: list[list[tuple[str, str]]], shrinks: int) -> None:
    encoder, plain, remembering = Encoder(), Decoder(), RememberingDecoder()
    for turn, headers in enumerate(blocks):
        if turn == shrinks:
            encoder.header_table_size = 1000  # entries fall out: the same index means another field
        data = encoder.encode(headers)
        assert list(remembering.decode(data, raw=True)) == list(plain.decode(data, raw=True))


def test_the_second_request_is_remembered() -> None:
    encoder, decoder = Encoder(), RememberingDecoder()
    headers = [(":method", "POST"), (":path", "/machine.MachineService/Version"), ("te", "trailers")]
    decoder.decode(encoder.encode(headers), raw=True)
    again = encoder.encode(headers)
    assert decoder.decode(again, raw=True) is decoder.decode(again, raw=True)
