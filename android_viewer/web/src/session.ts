/** Who is logged in. The session itself is a cookie that no script can read. */

import { signal } from "@preact/signals";
import { feed, FeedError, onLoggedOut, type Login } from "./feed";

export type Session = { state: "asking" } | { state: "out"; ended: boolean } | { state: "in"; login: Login } | { state: "away" };

export const session = signal<Session>({ state: "asking" });

onLoggedOut(() => {
  if (session.value.state !== "out") session.value = { state: "out", ended: session.value.state === "in" };
});

export async function askWhoIsLoggedIn(): Promise<void> {
  try {
    session.value = { state: "in", login: await feed.me() };
  } catch (error) {
    if (error instanceof FeedError && error.code !== "not_logged_in") session.value = { state: "away" };
  }
}

export async function login(name: string, password: string): Promise<void> {
  loggedIn(await feed.login(name, password));
}

export function loggedIn(login: Login): void {
  session.value = { state: "in", login };
}

/** Ends the session. The page is loaded anew afterwards, so that nothing of a patient stays in its memory. */
export async function logout(): Promise<void> {
  await noMoreMessages();
  try {
    await feed.logout();
  } catch (error) {
    if (!(error instanceof FeedError && error.status === 401)) throw error;
  }
  location.replace("/");
}

/** Whoever logs out here is not told here any more, whoever holds the device then. */
async function noMoreMessages(): Promise<void> {
  try {
    const registration = await navigator.serviceWorker?.getRegistration();
    await (await registration?.pushManager?.getSubscription())?.unsubscribe();
  } catch {
    // The gateway ends them too: they belong to the session.
  }
}

export const mayOperate = (login: Login): boolean => login.rights.includes("operate");
export const mayUpload = (login: Login): boolean => login.rights.includes("upload");
export const mayReadStudies = (login: Login): boolean => login.rights.includes("read_studies");
export const mayAdminister = (login: Login): boolean => login.rights.includes("administer");
