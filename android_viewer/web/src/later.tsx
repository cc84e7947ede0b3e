import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { Notice } from "./screens/notice";
import { texts } from "./texts";

/** A part of the page that is fetched when it is first shown: whoever reads studies does not wait for the board. */
export function later<Props extends object>(load: () => Promise<ComponentType<Props>>, quiet = false): ComponentType<Props> {
  let loaded: ComponentType<Props> | null = null;
  return function Later(props: Props) {
    const ready = useSignal(loaded !== null);
    const failed = useSignal(false);
    const fetchIt = (): void => {
      failed.value = false;
      load().then(
        (found) => {
          loaded = found;
          ready.value = true;
        },
        () => (failed.value = true),
      );
    };
    useEffect(() => {
      if (!loaded) fetchIt();
    }, []);
    if (ready.value && loaded) {
      const Part = loaded;
      return <Part {...props} />;
    }
    if (!failed.value) return quiet ? null : <Notice text={texts.loading} />;
    if (!quiet) return <Notice text={texts.problems.network} action={texts.tryAgain} onAction={fetchIt} />;
    return (
      <p class="problem">
        {texts.problems.part}{" "}
        <button type="button" onClick={fetchIt}>
          {texts.tryAgain}
        </button>
      </p>
    );
  };
}
