"""Models, querysets and migrations; Django's vocabulary, awaited natively."""
