"""What the pages show, worked out from the store's rows: pure functions, no markup."""
