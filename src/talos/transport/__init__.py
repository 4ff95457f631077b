"""gRPC over HTTP/2 as bytes: what apid and trustd have in common, on the accepting and on the calling side."""
