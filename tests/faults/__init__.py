"""Bad input of every kind: it gets a clear error and costs nothing."""
