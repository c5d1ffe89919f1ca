"""Text from structured values: deterministic YAML and unit files, for people and for git."""

from airgap.render.config_map import render_data
from airgap.render.files import render_file
from airgap.render.ipxe import render_ipxe
from airgap.render.patches import render_patches
from airgap.render.yaml_text import render_documents

__all__ = ["render_data", "render_documents", "render_file", "render_ipxe", "render_patches"]
