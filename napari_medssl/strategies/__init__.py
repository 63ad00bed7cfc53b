"""How labels are stretched: what methods that learn from unlabelled scans have in common."""
