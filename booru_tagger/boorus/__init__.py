"""Clients that push tags to where pictures already live: hydrus and szurubooru.

Each is a client of the booru's documented HTTP protocol, on the standard library, and a *sink* for the runner.
"""
