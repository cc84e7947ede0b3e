import { useSignal } from "@preact/signals";
import "./feedback.css";
import { FeedError } from "../feed";
import type { About, StudyFeedback, Verdict } from "../feedback";
import { moment, problemText, texts } from "../texts";

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
  const problem = useSignal("");
  const busy = useSignal(false);
  const given = feedback.of(about);

  async function give(event: Event): Promise<void> {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const typed = new FormData(form);
    busy.value = true;
    problem.value = "";
    try {
      await feedback.give(about, String(typed.get("verdict")) as Verdict, String(typed.get("comment")).trim());
      form.reset();
    } catch (error) {
      if (!(error instanceof FeedError)) throw error;
      problem.value = problemText(error);
    } finally {
      busy.value = false;
    }
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
      <form onSubmit={(event) => void give(event)} aria-label={words.form(name)}>
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
