import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { access, hospitalLoginAddress, knowsPasskeys, PasskeyCancelled, type LoginMethods } from "../access";
import { accessTexts as words } from "../access_texts";
import { FeedError } from "../feed";
import { loggedIn } from "../session";
import { problemText } from "../texts";

/** Ways to log in besides name and password, where the gateway says that they are set up. */
export function OtherWays({ onProblem }: { onProblem: (text: string) => void }) {
  const methods = useSignal<LoginMethods | null>(null);
  const busy = useSignal(false);
  useEffect(() => {
    access.methods().then(
      (found) => (methods.value = found),
      () => undefined, // name and password are there all the same
    );
  }, []);

  async function usePasskey(): Promise<void> {
    busy.value = true;
    onProblem("");
    try {
      loggedIn(await access.loginWithPasskey());
    } catch (error) {
      if (error instanceof PasskeyCancelled) onProblem(words.cancelled);
      else if (error instanceof FeedError) onProblem(problemText(error));
      else throw error;
    } finally {
      busy.value = false;
    }
  }

  const withPasskey = methods.value?.passkey && knowsPasskeys();
  if (!withPasskey && !methods.value?.oidc) return null;
  return (
    <div class="ways">
      <p class="small">{words.or}</p>
      {withPasskey && (
        <button type="button" class="wide" disabled={busy.value} onClick={() => void usePasskey()}>
          {words.passkey}
        </button>
      )}
      {methods.value?.oidc && (
        <a class="button wide" href={hospitalLoginAddress}>
          {words.hospital}
        </a>
      )}
    </div>
  );
}

/** Why a login at the provider came back without a session; it stands in the address. Empty: nothing of the kind. */
export function troubleOnReturn(): string {
  const code = /^#\/login\/([a-z_]+)$/.exec(location.hash)?.[1];
  if (!code) return "";
  history.replaceState(null, "", "/#/"); // told once
  return words.troubles[code] ?? words.troubles.provider_refused ?? "";
}
