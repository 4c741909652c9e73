"""Reports: HTML with figures inside, JSON, and the manifest of what determined them."""
