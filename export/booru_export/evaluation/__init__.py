"""How good a bundle is: figures, charts and its model card."""
