/** Where in the app we are. It stands behind the # of the address, which browsers send to nobody. */

import { signal } from "@preact/signals";

export type Route = { screen: "worklist" } | { screen: "upload" } | { screen: "study"; uid: string };

export const uploadAddress = "#/upload";

function read(): Route {
  if (location.hash === uploadAddress) return { screen: "upload" };
  const found = /^#\/study\/([0-9.]+)$/.exec(location.hash);
  return found?.[1] ? { screen: "study", uid: found[1] } : { screen: "worklist" };
}

export const route = signal<Route>(read());
addEventListener("hashchange", () => {
  route.value = read();
});

export const studyAddress = (uid: string): string => `#/study/${uid}`;
export const worklistAddress = "#/";
