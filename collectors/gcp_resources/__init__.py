"""What gcp-iam reads, as data: one file per theme, registry.py lists them all."""
