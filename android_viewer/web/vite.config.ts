import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const ROOT = import.meta.dirname;
const SOURCES = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "src", "public"];
const WORKER = "service-worker.js";

function filesBelow(path: string): string[] {
  const entries = readdirSync(path, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function sha256(content: Buffer | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The fingerprint that tests/viewer/test_built.py makes of the same files in the same way. */
function fingerprintOfSources(): string {
  const files = SOURCES.flatMap((name) => (/\.[a-z]+$/.test(name) ? [join(ROOT, name)] : filesBelow(join(ROOT, name))));
  const lines = files.map((file) => `${relative(ROOT, file)} ${sha256(readFileSync(file))}\n`);
  return sha256(lines.sort().join(""));
}

/** Ends a build: the service worker learns the shell's files, and `built.json` says what was built from what. */
function shell(): Plugin {
  return {
    name: "shell",
    apply: "build",
    writeBundle(options) {
      const folder = options.dir ?? join(ROOT, "dist");
      const files = filesBelow(folder).map((file) => relative(folder, file)).sort();
      const kept = files.filter((file) => file !== WORKER);
      const version = sha256(kept.map((file) => sha256(readFileSync(join(folder, file)))).join("")).slice(0, 16);
      const worker = readFileSync(join(folder, WORKER), "utf-8");
      const paths = kept.map((file) => (file === "index.html" ? "/" : `/${file}`));
      writeFileSync(
        join(folder, WORKER),
        worker.replace("__VERSION__", version).replace(/["'`]__PATHS__["'`]/, JSON.stringify(paths)),
      );
      const hashes = Object.fromEntries(files.map((file) => [file, sha256(readFileSync(join(folder, file)))]));
      for (const file of files) {
        if (!file.endsWith(".png")) writeFileSync(join(folder, `${file}.br`), brotliCompressSync(readFileSync(join(folder, file))));
      }
      rmSync(join(folder, "built.json"), { force: true });
      writeFileSync(join(folder, "built.json"), `${JSON.stringify({ sources: fingerprintOfSources(), files: hashes }, null, 1)}\n`);
    },
  };
}

export default defineConfig({
  root: ROOT,
  plugins: [shell()],
  worker: { format: "es" },
  build: {
    target: "chrome111",
    // The policy forbids what is inlined as data: or as an inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { main: join(ROOT, "index.html"), "service-worker": join(ROOT, "src/service_worker.ts") },
      output: {
        entryFileNames: (chunk) => (chunk.name === "service-worker" ? WORKER : "assets/[name]-[hash].js"),
      },
    },
  },
});
