"""Training, evaluation and projection of deep VAEs; the only room with torch (install ``eftheory[learn]``).

Import the modules that you need; nothing is loaded here, so that reading a configuration costs no torch.
"""
