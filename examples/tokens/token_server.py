# A call token for the signed-in user: GATEWAY_TOKEN_SECRET_FILE=… uvicorn token_server:app
import os
import re
import time
import uuid
from pathlib import Path

import jwt
from fastapi import FastAPI, Header, HTTPException

app = FastAPI()
secrets = Path(os.environ["GATEWAY_TOKEN_SECRET_FILE"]).read_text()
secret = re.findall(r"^[^#\s].*\S", secrets, re.MULTILINE)[0]  # the first one signs


@app.get("/token")
def token(x_user: str = Header("")) -> dict[str, str]:  # who is signed in: your own session
    if not x_user:
        raise HTTPException(401)
    call = {"to": ["+15551234567"], "maxDuration": 600, "maxCalls": 1, "once": True}
    claims = {"sub": x_user, "exp": int(time.time()) + 60, "jti": str(uuid.uuid4()), "call": call}
    return {"token": jwt.encode(claims, secret, "HS256")}
