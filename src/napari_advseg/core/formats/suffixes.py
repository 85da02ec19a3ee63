"""Usual suffixes of files that can be opened; the content decides. Light to import."""

from __future__ import annotations

SLICE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
"""Of a slice in a folder of slices."""
MRC_SUFFIXES = (".mrc", ".rec", ".map", ".mrcs", ".st", ".ali")
HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".ims")
ZARR_SUFFIX = ".zarr"
IMAGE_SUFFIXES = (*SLICE_SUFFIXES, *MRC_SUFFIXES, *HDF5_SUFFIXES)
"""Of a file that holds an image."""
