// A call token for the signed-in user: GATEWAY_TOKEN_SECRET_FILE=… PORT=3000 node token-server.mjs
import { createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const secrets = readFileSync(process.env.GATEWAY_TOKEN_SECRET_FILE, "utf8");
const [secret] = secrets.match(/^[^#\s].*\S/m); // the first one signs
const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");

createServer((request, response) => {
  const user = request.headers["x-user"]; // who is signed in: your framework's session
  if (request.url !== "/token" || !user) return response.writeHead(user ? 404 : 401).end();
  const call = { to: ["+15551234567"], maxDuration: 600, maxCalls: 1, once: true }; // what this user may
  const claims = { sub: user, exp: Math.floor(Date.now() / 1000) + 60, jti: randomUUID(), call };
  const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  const token = `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  response.writeHead(200, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(JSON.stringify({ token }));
}).listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
