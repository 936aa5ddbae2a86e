"""AWS services whose state the source type aws-account reads: one file per service, and registry.py that names them all."""
