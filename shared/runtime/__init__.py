"""The typed DAG engine: steps, graphs, budgets, effects, the log they leave, replay and drawings.

Read in this order: `step`, `graph`, `budget`, `effects`, `journal`, `run`, `draw`.
"""
