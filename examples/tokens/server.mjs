// A site with call tokens: GATEWAY_TOKEN_SECRET_FILE=token-secret node server.mjs FOLDER [PORT]
import { createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";

// What a visitor may: call this number, once for each token, for ten minutes
const VISITOR = { to: ["+15550100600"], maxDuration: 600, maxCalls: 1, once: true };

const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");

function issue(identity, call) {
  const [secret] = readFileSync(process.env.GATEWAY_TOKEN_SECRET_FILE, "utf8").match(/^[^#\s].*\S/m); // the first one signs
  const claims = { sub: identity, exp: Math.floor(Date.now() / 1000) + 60, jti: randomBytes(16).toString("hex"), call };
  const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** Answers POST /token; a handler for node:http, Express or Vite. */
export function answerToken(request, response) {
  if (request.method !== "POST") return response.writeHead(405).end();
  // A browser says with each POST whose page asks; no other site's gets a token
  const { cookie = "", host, origin } = request.headers;
  if (![`https://${host}`, `http://${host}`].includes(origin)) return response.writeHead(403).end();
  // Who is it? Your framework's session knows; here each browser has a number in a cookie
  const [, known] = /\bvisitor=([0-9a-f]{32})\b/.exec(cookie) ?? [];
  const visitor = known ?? randomBytes(16).toString("hex");
  response.writeHead(200, {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "Set-Cookie": `visitor=${visitor}; HttpOnly; SameSite=Strict; Path=/${origin.startsWith("https:") ? "; Secure" : ""}`,
  });
  response.end(JSON.stringify({ token: issue(`visitor-${visitor}`, { ...VISITOR, origins: [origin] }) }));
}

const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };

async function answerFile(folder, { url }, response) {
  try {
    const { pathname } = new URL(url, "http://site");
    const file = join(folder, normalize(decodeURIComponent(pathname.endsWith("/") ? `${pathname}index.html` : pathname)));
    const content = await readFile(file);
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" }).end(content);
  } catch {
    response.writeHead(404).end();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [folder, port = "8000"] = process.argv.slice(2);
  const site = createServer((request, response) =>
    request.url === "/token" ? answerToken(request, response) : answerFile(folder, request, response),
  );
  site.listen(Number(port), "127.0.0.1", () =>
    console.log(`The site is at http://127.0.0.1:${port} (Ctrl+C stops it)`),
  );
}
