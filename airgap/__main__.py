"""`python -m airgap`: see `airgap.cli`."""

import os

# pydantic would look through everything that is installed for plugins of its own.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from airgap.cli import main

if __name__ == "__main__":
    main()
