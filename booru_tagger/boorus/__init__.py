"""Clients that push tags to where pictures already live: hydrus and szurubooru.

Each has a client of the booru's documented HTTP protocol, on the standard library (``hydrus``,
``szurubooru``), and a sink that takes a run's results there (``to_hydrus``, ``to_szurubooru``). Sites like
Danbooru are only asked (``danbooru``).
"""
