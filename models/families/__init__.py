"""One file per family of models: its grid, how clips come onto it and back, what can be locked, what it is judged by."""
