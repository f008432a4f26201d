"""How good a model is, and how well the product does what it is asked: figures with floors, baselines and controls."""
