import { fileURLToPath } from "node:url";
import { answerToken } from "../tokens/server.mjs";

process.env.GATEWAY_TOKEN_SECRET_FILE ??= fileURLToPath(new URL("../../token-secret", import.meta.url));

/** Your own back end answers POST /token; here the development server does. */
const tokens = { name: "call-tokens", configureServer: ({ middlewares }) => void middlewares.use("/token", answerToken) };

export default {
  plugins: [tokens],
  esbuild: { jsx: "automatic" },
  server: { host: "127.0.0.1", port: 8000, strictPort: true }, // the origin that the gateway lets in
};
