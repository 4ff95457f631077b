"""The zygote: imports everything once, forks the node's services, and starts again what ends.

Its protocol with machined (`/run/zygote`) is described in docs/decisions/0004-processes.md. It has no event loop, no
thread, no socket and no secret, so that a fork of it is a clean start in milliseconds with shared pages.
"""
