"""A de-identified export of kept studies: the key, which files, the folder that is written, the manifest."""
