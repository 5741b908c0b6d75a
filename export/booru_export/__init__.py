"""Training and export: everything that needs torch. The runtime never imports it."""
