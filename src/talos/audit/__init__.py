"""The audit log's form: what a line is, how lines are chained, and the proof that none was changed or taken away.

Pure: the node writes with it (talos.machined.audit), talosctl proves with it what a node sent.
"""
