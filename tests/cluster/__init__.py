"""Tests on a real cluster: one is made per run and shared; tests leave it as they found it."""
