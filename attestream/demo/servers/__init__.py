"""Servers on the loopback address that speak as the systems speak that sources read: for the demonstration and for tests."""
