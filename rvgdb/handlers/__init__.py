"""What is done for each request: one capability a file, each with a table from request type to function."""
