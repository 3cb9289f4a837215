"""The embedded home: Postgres with pgvector and Redis out of two wheels, run by the program over unix sockets.

`home.Servers` is the door. A small process of its own, the keeper, owns the servers of a home; it ends them when the
last process that uses the home is gone, however that process went.
"""
