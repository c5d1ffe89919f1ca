"""The project against real programs: registries, clients, a web server, a machine that boots."""
