"""The engine: plain values and callables, no Qt, no napari.

Importing this package loads neither torch nor a GUI toolkit.
"""
