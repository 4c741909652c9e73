"""Networks for arrays: mapping weights to tiles, and training. Knows no simulator."""
