import { defineConfig } from "vitest/config";

export default defineConfig(({ command }) => ({
  // Built files name each other relatively and need no knowledge of STATIC_URL; django-vite asks the
  // development server for the address below STATIC_URL.
  base: command === "build" ? "./" : "/static/widgets/",
  build: {
    outDir: "../static/widgets",
    emptyOutDir: true,
    manifest: "manifest.json",
    modulePreload: false,
    // The notices of the packages that are in the bundle, which their licences ask for beside it.
    license: { fileName: "licenses.md" },
    rolldownOptions: {
      input: {
        main: "src/main.ts",
        site: "src/site.ts",
        operations: "src/operations.ts",
        operator: "src/operator.ts",
      },
      // The grid changes seldom: in a file of its own it stays in the browser's cache over our releases.
      output: { codeSplitting: { groups: [{ name: "grid", test: /node_modules\/ag-grid-community/ }] } },
    },
    chunkSizeWarningLimit: 800,
    // Browsers of the last two years: light-dark() and nesting stay as written.
    target: ["chrome123", "edge123", "firefox121", "safari17.5"],
  },
  server: { host: "localhost" },
  test: { include: ["tests/**/*.test.ts"] },
}));
