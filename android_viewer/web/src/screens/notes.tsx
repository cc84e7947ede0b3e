import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { FeedError, json } from "../feed";
import { moment, texts } from "../texts";

interface StudyNote {
  author: string;
  written_at: string;
  age: number | null;
  reason: string | null;
  history: string | null;
}

/** What the health centre wrote about the woman, where it wrote something. */
export function Notes({ uid }: { uid: string }) {
  const notes = useSignal<StudyNote[]>([]);
  const failed = useSignal(false);
  useEffect(() => {
    json<{ items: StudyNote[] }>(`/api/v1/studies/${encodeURIComponent(uid)}/notes`).then(
      ({ items }) => (notes.value = items),
      (error: unknown) => {
        if (!(error instanceof FeedError)) throw error;
        failed.value = true;
      },
    );
  }, [uid]);
  if (failed.value) return <p class="small">{texts.notes.notRead}</p>;
  if (notes.value.length === 0) return null;
  return (
    <section class="notes" aria-label={texts.notes.title}>
      <h2>{texts.notes.title}</h2>
      {notes.value.map((note) => (
        <article key={note.written_at} class="view-result">
          {note.age !== null && <p>{texts.notes.age(note.age)}</p>}
          {note.reason && <p>{note.reason}</p>}
          {note.history && <p class="long">{note.history}</p>}
          <p class="small">{texts.notes.by(note.author, moment(note.written_at))}</p>
        </article>
      ))}
    </section>
  );
}
