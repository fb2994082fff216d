// How the page is built and tested; `npm run dev` passes the API on to METROSOC_URL.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const server = process.env["METROSOC_URL"] ?? "https://localhost:8443";

export default defineConfig({
  base: "/",
  plugins: [svelte()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    chunkSizeWarningLimit: 400,
  },
  server: { proxy: { "/api": { target: server, changeOrigin: false, secure: false } } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
