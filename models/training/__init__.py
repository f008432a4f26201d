"""MIDI files -> a model folder. No command line."""
