"""What bench/songs.py makes of whole songs: another reader, the commands that it runs, figures, and the rows of its table."""
