import "./feedback.css";
import type { About, StudyFeedback, Verdict } from "../feedback";
import { moment, problemText, texts } from "../texts";
import { useAttempt } from "./attempt";

const VERDICTS: Verdict[] = ["agree", "disagree", "unsure"];
const words = texts.feedback;

interface Props {
  feedback: StudyFeedback;
  about: About;
  /** What it is about, in words. */
  name: string;
}

/** What people said of one finding, and a form to say something: feedback on the AI, never a sign-off. */
export function FeedbackOn({ feedback, about, name }: Props) {
  const { busy, problem, run } = useAttempt();
  const given = feedback.of(about);

  function give(event: Event): void {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const typed = new FormData(form);
    void run(async () => {
      await feedback.give(about, String(typed.get("verdict")) as Verdict, String(typed.get("comment")).trim());
      form.reset();
    });
  }

  return (
    <details class="feedback">
      <summary>{words.open(name, given.length)}</summary>
      <p class="small">{words.noSignOff}</p>
      {feedback.problem.value && <p class="problem">{problemText(feedback.problem.value)}</p>}
      <ol aria-label={words.history(name)}>
        {given.map((one) => (
          <li key={one.id}>
            <strong>{words.verdicts[one.verdict]}</strong>{" "}
            <span class="small">{`${one.author}, ${moment(one.at)}`}</span>
            {one.comment && <p class="comment">{one.comment}</p>}
          </li>
        ))}
      </ol>
      <form onSubmit={give} aria-label={words.form(name)}>
        <fieldset>
          <legend>{words.question}</legend>
          {VERDICTS.map((verdict) => (
            <label key={verdict}>
              <input type="radio" name="verdict" value={verdict} required /> {words.verdicts[verdict]}
            </label>
          ))}
        </fieldset>
        <label class="comment">
          {words.comment}
          <textarea name="comment" rows={2} maxLength={2000} />
        </label>
        <p class="problem" role="alert">
          {problem.value}
        </p>
        <button type="submit" disabled={busy.value}>
          {busy.value ? words.sending : words.send}
        </button>
      </form>
    </details>
  );
}
