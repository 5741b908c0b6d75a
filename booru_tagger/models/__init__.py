"""Models as data: bundles on disk, sessions that run them, the detector and the recogniser."""
