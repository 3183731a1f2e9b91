"""What several test folders use: guests and their facts, a raw client of the remote protocol."""
