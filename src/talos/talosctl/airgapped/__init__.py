"""Proxies for tests of sites that reach the Internet only through one."""
