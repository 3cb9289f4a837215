"""`chatsmart VERB`: the same verbs on a laptop and, with --url, against a deployment."""
