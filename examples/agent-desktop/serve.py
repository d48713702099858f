"""The agent desktop and its call tokens: python3 serve.py [PORT]. The gateway: see README.md."""

import os
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tokens"))
os.environ.setdefault("GATEWAY_TOKEN_SECRET_FILE", str(HERE.parent.parent / "token-secret"))

server = import_module("server")  # of ../tokens

# An agent calls any number that the gateway allows, is called, and hands calls to any colleague
AGENT = {"to": ["*"], "incoming": True, "transferTo": ["*"], "maxDuration": 7200}


class Desktop(server.Site):
    def token(self, visitor, origin):
        # Whoever opens the page is an agent here. Your own session knows who has signed in
        return server.issue("sales", {**AGENT, "origins": [origin]})


if __name__ == "__main__":
    server.serve(Desktop, HERE / "site", *map(int, sys.argv[1:]))
