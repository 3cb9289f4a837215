"""What tenants add at run time: sources and actions, run in a sandbox, with grants."""
