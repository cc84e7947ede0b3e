/**
 * The service worker's side of "share with mammogate". The files stay in its memory until the page, which is loaded by
 * the answer, asks for them: nothing is written. If the browser ends the worker before that, they are to be shared again.
 */

export const SHARE_TARGET = "/share-target";
/** A type, not a value: the page may import nothing that this script runs, or the build would move it out of it. */
export type Question = "shared files?";

let shared: File[] = [];

export async function takeShared(request: Request): Promise<Response> {
  const form = await request.formData();
  shared = form.getAll("files").filter((entry): entry is File => entry instanceof File);
  return Response.redirect("/#/upload", 303);
}

export function handOver(event: MessageEvent<Question>): void {
  if (event.data !== "shared files?") return;
  event.source?.postMessage({ shared });
  shared = [];
}
