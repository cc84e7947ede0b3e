import { texts } from "../texts";

/** A screen with one sentence, and perhaps the one thing to do about it. */
export function Notice({ text, action, onAction }: { text: string; action?: string; onAction?: () => unknown }) {
  return (
    <main class="notice">
      <h1>{texts.product}</h1>
      <p role="status">{text}</p>
      {action && (
        <button type="button" class="primary" onClick={() => void onAction?.()}>
          {action}
        </button>
      )}
      <p class="research">{texts.research}</p>
    </main>
  );
}
