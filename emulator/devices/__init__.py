"""One device a file; each offers `load`, `store` and `size` and knows no absolute address."""
