"""Delivers drift to people on call. Reads the store and writes nothing but how far each delivery got."""
