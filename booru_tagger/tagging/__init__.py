"""From a picture to its tags: one look, rules, implications, policy."""
