"""What music is: clips, files, keys, distance, voices. Nothing is learned here, and nothing knows a grid or a model."""
