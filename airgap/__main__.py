"""`python -m airgap`: see `airgap.cli`."""

from airgap.cli import main

if __name__ == "__main__":
    main()
