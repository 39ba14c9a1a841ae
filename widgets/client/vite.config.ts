import { defineConfig } from "vitest/config";

export default defineConfig({
  // Django serves the files under STATIC_URL/widgets/; relative addresses inside them need no knowledge of STATIC_URL.
  base: "./",
  build: {
    outDir: "../static/widgets",
    emptyOutDir: true,
    manifest: "manifest.json",
    modulePreload: false,
    rolldownOptions: {
      input: { main: "src/main.ts", site: "src/site.ts" },
      // The grid changes seldom: in a file of its own it stays in the browser's cache over our releases.
      output: { codeSplitting: { groups: [{ name: "grid", test: /node_modules\/ag-grid-community/ }] } },
    },
    chunkSizeWarningLimit: 800,
    // Browsers of the last two years: light-dark() and nesting stay as written.
    target: ["chrome123", "edge123", "firefox121", "safari17.5"],
  },
  server: { host: "127.0.0.1" },
  test: { include: ["tests/**/*.test.ts"] },
});
