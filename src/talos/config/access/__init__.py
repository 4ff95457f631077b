"""Documents of ours about access: grants, revocations, where the audit log is sent."""
