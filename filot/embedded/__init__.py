"""Real servers out of wheels, for `make run` and for tests. Nothing here needs Django's settings."""
