"""Reading GitHub: what source type github (collectors/github.py) is made of."""
