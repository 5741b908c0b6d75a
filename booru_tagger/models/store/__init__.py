"""Where model files live: by name, on this machine, in archives and on a hub."""
