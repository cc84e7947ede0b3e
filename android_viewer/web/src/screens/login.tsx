import { useSignal } from "@preact/signals";
import { FeedError } from "../feed";
import { login } from "../session";
import { problemText, texts } from "../texts";
import { OtherWays, troubleOnReturn } from "./login_ways";

/** Name and password. `ended` says that somebody was logged in until a moment ago. */
export function Login({ ended }: { ended: boolean }) {
  const problem = useSignal(troubleOnReturn() || (ended ? texts.login.ended : ""));
  const busy = useSignal(false);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const typed = new FormData(event.currentTarget as HTMLFormElement);
    busy.value = true;
    problem.value = "";
    try {
      await login(String(typed.get("name")), String(typed.get("password")));
    } catch (error) {
      if (!(error instanceof FeedError)) throw error;
      problem.value = problemText(error);
    } finally {
      busy.value = false;
    }
  }

  return (
    <main class="login">
      <img src="/icon.svg" alt="" width="72" height="72" />
      <h1>{texts.product}</h1>
      <p class="research">{texts.research}</p>
      <form onSubmit={(event) => void submit(event)}>
        <label>
          {texts.login.name}
          <input name="name" autocomplete="username" autocapitalize="none" required autofocus />
        </label>
        <label>
          {texts.login.password}
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        <p class="problem" role="alert">
          {problem.value}
        </p>
        <button type="submit" class="primary" disabled={busy.value}>
          {busy.value ? texts.login.busy : texts.login.submit}
        </button>
      </form>
      <OtherWays onProblem={(text) => (problem.value = text)} />
    </main>
  );
}
