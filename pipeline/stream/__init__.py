"""The stream between collectors and the mapper: one contract, several backends."""
