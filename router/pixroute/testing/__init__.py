"""Tools for tests: of services that embed pixroute, of plugins, of pixroute itself."""
