/** Files that another app on the phone has shared with this one, on their way to the upload screen. */

import { signal } from "@preact/signals";
import type { Question } from "./share_target";

const QUESTION: Question = "shared files?";

export const sharedFiles = signal<File[]>([]);

/** Asks at once, before anybody is logged in: the service worker keeps them in its memory for a short time only. */
export function askForSharedFiles(): void {
  if (!("serviceWorker" in navigator)) return;
  navigator.serviceWorker.addEventListener("message", (event: MessageEvent<{ shared?: File[] }>) => {
    if (event.data.shared?.length) sharedFiles.value = event.data.shared;
  });
  navigator.serviceWorker.startMessages();
  navigator.serviceWorker.controller?.postMessage(QUESTION);
}
