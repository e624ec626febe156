"""Test doubles of the outside world, each a real server on 127.0.0.1."""
