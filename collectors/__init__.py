"""Collectors read sources and never judge. One file a source; the registry is in registry.py."""
