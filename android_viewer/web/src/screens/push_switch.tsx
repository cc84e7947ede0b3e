import { useEffect, useMemo } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { FeedError, type Attention } from "../feed";
import { canBeTold, Messages, PushBlocked } from "../push";
import { problemText, texts } from "../texts";

const words = texts.push;
const LEVELS: Attention[] = ["high", "medium", "low", "none"];

/** Switches messages to this device on and off; nothing where the gateway sends none or the browser can't show any. */
export function PushSwitch() {
  const messages = useMemo(() => new Messages(), []);
  const said = useSignal("");
  const busy = useSignal(false);
  useEffect(() => {
    if (canBeTold()) void messages.load();
  }, [messages]);

  async function change(work: () => Promise<void>, done: string): Promise<void> {
    busy.value = true;
    said.value = "";
    try {
      await work();
      said.value = done;
    } catch (error) {
      if (error instanceof PushBlocked) said.value = words.blocked[error.because];
      else if (error instanceof FeedError) said.value = problemText(error);
      else throw error;
    } finally {
      busy.value = false;
    }
  }

  function switchOn(event: Event): void {
    event.preventDefault();
    const least = new FormData(event.currentTarget as HTMLFormElement).get("least") as Attention;
    void change(() => messages.switchOn(least), words.isOn);
  }

  if (!messages.state.value?.available) return null;
  const here = messages.here.value;
  return (
    <details class="push">
      <summary>{here ? words.on : words.off}</summary>
      <p class="small">{words.about}</p>
      {here ? (
        <>
          <p>{words.from[here.least_attention]}</p>
          <button type="button" disabled={busy.value} onClick={() => void change(() => messages.switchOff(), words.isOff)}>
            {words.switchOff}
          </button>
        </>
      ) : (
        <form onSubmit={switchOn}>
          <label>
            {words.least}{" "}
            <select name="least">
              {LEVELS.map((level) => (
                <option key={level} value={level}>
                  {words.from[level]}
                </option>
              ))}
            </select>
          </label>{" "}
          <button type="submit" disabled={busy.value}>
            {words.switchOn}
          </button>
        </form>
      )}
      <p role="status">{said.value}</p>
    </details>
  );
}
