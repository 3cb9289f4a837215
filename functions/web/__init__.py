"""The HTTP face: one module a resource."""
