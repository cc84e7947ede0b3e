import { login } from "../session";
import { texts } from "../texts";
import { useAttempt } from "./attempt";
import { OtherWays, troubleOnReturn } from "./login_ways";

/** Name and password. `ended` says that somebody was logged in until a moment ago. */
export function Login({ ended }: { ended: boolean }) {
  const { busy, problem, run } = useAttempt(troubleOnReturn() || (ended ? texts.login.ended : ""));

  function submit(event: Event): void {
    event.preventDefault();
    const typed = new FormData(event.currentTarget as HTMLFormElement);
    void run(() => login(String(typed.get("name")), String(typed.get("password"))));
  }

  return (
    <main class="login">
      <img src="/icon.svg" alt="" width="72" height="72" />
      <h1>{texts.product}</h1>
      <p class="research">{texts.research}</p>
      <form onSubmit={submit}>
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
