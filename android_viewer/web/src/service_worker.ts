/**
 * Keeps the shell: the files that are the same for everybody and hold no patient's data. Everything else, all of
 * /api among it, goes past this worker as if it were not there. Files that another app shares are handed to the page.
 */

import { pushTexts } from "./push_texts";
import { handOver, SHARE_TARGET, takeShared } from "./upload/share_target";

interface Scope {
  addEventListener(type: string, listener: (event: LifeEvent) => void): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  skipWaiting(): Promise<void>;
  clients: {
    claim(): Promise<void>;
    matchAll(options: { type: "window"; includeUncontrolled: boolean }): Promise<OpenPage[]>;
    openWindow(address: string): Promise<unknown>;
  };
  registration: { showNotification(title: string, options: NotificationOptions): Promise<void> };
  location: Location;
}
interface OpenPage {
  focus(): Promise<unknown>;
  navigate(address: string): Promise<unknown>;
}
interface LifeEvent extends Event {
  /** Of a message: what the gateway encrypted for this browser. */
  data?: { json(): unknown } | null;
  notification: Notification;
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

scope.addEventListener("push", (event) => {
  const { level, tag } = told(event);
  const body = level && level in pushTexts.body ? pushTexts.body[level as keyof typeof pushTexts.body] : pushTexts.unknown;
  event.waitUntil(scope.registration.showNotification(pushTexts.title, { body, tag, icon: "/icon-192.png", badge: "/icon-192.png" }));
});

scope.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(openTheList());
});

/** The level that a message names, and what tells it from others; a message that can't be read is one all the same. */
function told(event: LifeEvent): { level: string | null; tag: string } {
  try {
    const message = event.data?.json() as { u?: unknown; t?: unknown } | undefined;
    return { level: typeof message?.u === "string" ? message.u : null, tag: typeof message?.t === "string" ? message.t : "" };
  } catch {
    return { level: null, tag: "" };
  }
}

/** Brings the reading list to the front, in a page that is open or in a new one. Which study it is stays there. */
async function openTheList(): Promise<void> {
  const [page] = await scope.clients.matchAll({ type: "window", includeUncontrolled: false });
  if (!page) {
    await scope.clients.openWindow("/#/");
    return;
  }
  await page.navigate("/#/");
  await page.focus();
}
