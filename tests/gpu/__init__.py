"""The pool: its settings, its keeper against a real child process, its front in a real server."""
