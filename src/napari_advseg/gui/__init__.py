"""The napari plugin: widgets, threads, layers."""
