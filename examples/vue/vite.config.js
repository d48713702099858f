import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import { answerToken } from "../tokens/server.mjs";

process.env.GATEWAY_TOKEN_SECRET_FILE ??= fileURLToPath(new URL("../../token-secret", import.meta.url));

/** Your own back end answers POST /token; here the development server does. */
const tokens = { name: "call-tokens", configureServer: ({ middlewares }) => void middlewares.use("/token", answerToken) };

/** Vue is told which tags are not its components. */
const elements = { template: { compilerOptions: { isCustomElement: (tag) => tag === "click-to-call" } } };

export default {
  plugins: [vue(elements), tokens],
  server: { host: "127.0.0.1", port: 8000, strictPort: true }, // the origin that the gateway lets in
};
