"""Lines to redact and lines to leave alone, made from a seed.

values  identifiers of every type and country, each valid by its check digits
lines   them in sentences of many languages, plain and disguised, with where each stands
clean   what only looks like one
"""
