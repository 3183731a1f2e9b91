"""What a person runs: command line, server, debug target, monitor and scripted sessions."""

__version__ = "0.1.0"
