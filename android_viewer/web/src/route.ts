/** Where in the app we are. It stands behind the # of the address, which browsers send to nobody. */

import { signal } from "@preact/signals";

export type Route =
  | { screen: "worklist" }
  | { screen: "upload" }
  | { screen: "board" }
  | { screen: "settings" }
  | { screen: "study"; uid: string };

export const uploadAddress = "#/upload";
export const boardAddress = "#/board";
export const settingsAddress = "#/settings";

function read(): Route {
  if (location.hash === uploadAddress) return { screen: "upload" };
  if (location.hash === boardAddress) return { screen: "board" };
  if (location.hash === settingsAddress) return { screen: "settings" };
  const found = /^#\/study\/([0-9.]+)$/.exec(location.hash);
  return found?.[1] ? { screen: "study", uid: found[1] } : { screen: "worklist" };
}

export const route = signal<Route>(read());
addEventListener("hashchange", () => {
  route.value = read();
});

export const studyAddress = (uid: string): string => `#/study/${uid}`;
export const worklistAddress = "#/";
