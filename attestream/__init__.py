"""The composition root: settings, wiring, commands. The only reader of the environment."""

VERSION = "0.1.0"
