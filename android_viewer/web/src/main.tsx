import { render } from "preact";
import { App } from "./app";
import { askWhoIsLoggedIn } from "./session";
import { scriptAddress } from "./trusted";
import { askForSharedFiles } from "./upload/shared_files";

const root = document.getElementById("app");
if (root) render(<App />, root);
void askWhoIsLoggedIn();
askForSharedFiles();
// A page that comes back from the browser's store of past pages could show what was read before a logout.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
if (import.meta.env.PROD && "serviceWorker" in navigator) {
  navigator.serviceWorker.register(scriptAddress("/service-worker.js")).catch(() => undefined); // it works without, too
}
