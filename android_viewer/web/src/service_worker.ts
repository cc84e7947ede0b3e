/**
 * Keeps the shell: the files that are the same for everybody and hold no patient's data. Everything else, all of
 * /api among it, goes past this worker as if it were not there. Files that another app shares are handed to the page.
 */

import { handOver, SHARE_TARGET, takeShared } from "./upload/share_target";

interface Scope {
  addEventListener(type: string, listener: (event: LifeEvent) => void): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
  location: Location;
}
interface LifeEvent extends Event {
  request: Request;
  waitUntil(work: Promise<unknown>): void;
  respondWith(answer: Promise<Response>): void;
}

const scope = globalThis as unknown as Scope;
// Both are filled in at the end of the build.
const CACHE = "shell-__VERSION__";
const PATHS = "__PATHS__" as unknown as string[];

scope.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(PATHS)).then(() => scope.skipWaiting()));
});

scope.addEventListener("activate", (event) => {
  const others = caches.keys().then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))));
  event.waitUntil(others.then(() => scope.clients.claim()));
});

scope.addEventListener("message", handOver);

scope.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method === "POST" && url.origin === scope.location.origin && url.pathname === SHARE_TARGET) {
    event.respondWith(takeShared(event.request));
    return;
  }
  if (event.request.method !== "GET" || url.origin !== scope.location.origin || !PATHS.includes(url.pathname)) return;
  event.respondWith(url.pathname === "/" ? newest(event.request) : kept(event.request));
});

/** The page itself: the server's, or the kept one while the server can't be reached. */
async function newest(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch {
    return (await caches.match("/")) ?? Response.error();
  }
}

/** A file whose name changes with its content. */
async function kept(request: Request): Promise<Response> {
  return (await caches.match(request, { cacheName: CACHE })) ?? fetch(request);
}
