"""How the SIP engine is made: `python -m gateway.trunk.engine.build` builds and installs it."""
