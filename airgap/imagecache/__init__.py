"""Image caches of Talos: the images that machines need, on a medium or a disk, in a file or image.

Made from the content store natively, by what the plan says is in one: `contents` knows the tree,
`archive` and `wrapper` its tar and its OCI image, `iso` and `vfat` the media; `publish` and `image`
bring it to the asset mirror and the registry. Reads and writes the disk; talks through
`airgap.transfer` alone.
"""

__all__: list[str] = []
