"""Who may do what beyond roles: grants and revocations as values, and the one decision that apid, machined and the
explanations share (docs/decisions/0015).
"""
