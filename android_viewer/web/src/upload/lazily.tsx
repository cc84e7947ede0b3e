import { useEffect, useState } from "preact/hooks";
import type { Login } from "../feed";
import { Notice } from "../screens/notice";
import { texts } from "../texts";

type Screen = (props: { login: Login }) => preact.JSX.Element;

/** The upload screen, which most doctors never open: its script is loaded when somebody does. */
export function Upload({ login }: { login: Login }) {
  const [found, setFound] = useState<{ screen: Screen } | "away" | null>(null);
  function load(): void {
    import("../screens/upload").then(
      ({ UploadScreen }) => setFound({ screen: UploadScreen }),
      () => setFound("away"),
    );
  }
  useEffect(load, []);
  if (found === null) return <Notice text={texts.loading} />;
  if (found === "away") return <Notice text={texts.problems.network} action={texts.tryAgain} onAction={load} />;
  return <found.screen login={login} />;
}
