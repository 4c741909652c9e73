"""300 networks for the Wine data on passive 15 x 15 arrays (Goodwill et al. 2022)."""
