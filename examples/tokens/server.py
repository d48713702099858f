"""A site with call tokens: GATEWAY_TOKEN_SECRET_FILE=… python3 server.py FOLDER [PORT]."""

import base64
import hmac
import json
import os
import re
import secrets
import sys
import time
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# What a visitor may: call this number, once for each token, for ten minutes
VISITOR = {"to": ["+15550100600"], "maxDuration": 600, "maxCalls": 1, "once": True}


def issue(identity, call):
    lines = Path(os.environ["GATEWAY_TOKEN_SECRET_FILE"]).read_text()
    secret = re.findall(r"^[^#\s].*\S", lines, re.MULTILINE)[0]  # the first one signs
    now, jti = int(time.time()), secrets.token_hex(16)
    claims = {"sub": identity, "exp": now + 60, "jti": jti, "call": call}
    signed = f"{encode({'alg': 'HS256', 'typ': 'JWT'})}.{encode(claims)}"
    return f"{signed}.{base64url(hmac.digest(secret.encode(), signed.encode(), 'sha256'))}"


def encode(part):
    return base64url(json.dumps(part).encode())


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Site(SimpleHTTPRequestHandler):
    def do_POST(self):
        if self.path != "/token":
            return self.send_error(404)
        # A browser says with each POST whose page asks; no other site's gets a token
        origin, host = self.headers.get("Origin"), self.headers.get("Host")
        if origin not in (f"https://{host}", f"http://{host}"):
            return self.send_error(403)
        # Who is it? Your framework's session knows; here each browser has a number in a cookie
        known = re.search(r"\bvisitor=([0-9a-f]{32})\b", self.headers.get("Cookie", ""))
        visitor = known[1] if known else secrets.token_hex(16)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        kept = "HttpOnly; SameSite=Strict; Path=/" + "; Secure" * origin.startswith("https:")
        self.send_header("Set-Cookie", f"visitor={visitor}; {kept}")
        self.end_headers()
        self.wfile.write(json.dumps({"token": self.token(visitor, origin)}).encode())

    def token(self, visitor, origin):
        return issue(f"visitor-{visitor}", {**VISITOR, "origins": [origin]})


def serve(site, folder, port=8000):
    with ThreadingHTTPServer(("127.0.0.1", port), partial(site, directory=folder)) as server:
        print(f"The site is at http://127.0.0.1:{server.server_port} (Ctrl+C stops it)", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    serve(Site, sys.argv[1], *map(int, sys.argv[2:]))
