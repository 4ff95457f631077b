"""apid: the node's door. It terminates mutual TLS, decides who may call what, and passes bytes on to machined or to the
apid of another node; it never decodes a message, so a method it has never heard of works like any other.
"""
