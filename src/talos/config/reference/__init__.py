"""The published description of the configuration, made from the types that decode it.

``python -m talos.config.reference`` (``make reference``) writes it. Nothing here is imported on a node.
"""
