import { useEffect, useRef } from "preact/hooks";
import type { Signal } from "@preact/signals";
import { bytes, texts } from "../texts";
import type { Note } from "./calls";
import { nameOf } from "./sending";

interface Props {
  picked: Signal<File[]>;
  /** The files belong to an upload that was begun before; its note is with the gateway already. */
  goesOn: boolean;
  onSend: (note: Note | null) => void;
}

const SHOWN_FILES = 8;

/** Choosing files, writing the note, sending. */
export function NewUpload({ picked, goesOn, onSend }: Props) {
  const folder = useRef<HTMLInputElement>(null);
  const takesFolders = "webkitdirectory" in HTMLInputElement.prototype;
  useEffect(() => folder.current?.setAttribute("webkitdirectory", ""), []);
  const files = picked.value;

  function pick(event: Event): void {
    const input = event.currentTarget as HTMLInputElement;
    picked.value = [...(input.files ?? [])];
    input.value = ""; // so that the same files can be chosen again
  }
  function submit(event: Event): void {
    event.preventDefault();
    const typed = new FormData(event.currentTarget as HTMLFormElement);
    const said = (name: string): string | null => String(typed.get(name) ?? "").trim() || null;
    const note: Note = { age: said("age") === null ? null : Number(said("age")), reason: said("reason"), history: said("history") };
    onSend(goesOn || Object.values(note).every((value) => value === null) ? null : note);
  }

  return (
    <form class="new-upload" onSubmit={submit}>
      <p>{texts.upload.hint}</p>
      <div class="pickers">
        <label class="button">
          <input class="unseen" type="file" multiple onChange={pick} />
          <span>{texts.upload.pick}</span>
        </label>
        {takesFolders && (
          <label class="button">
            <input class="unseen" type="file" ref={folder} onChange={pick} />
            <span>{texts.upload.pickFolder}</span>
          </label>
        )}
      </div>
      <p role="status">{files.length > 0 ? texts.upload.picked(files.length, bytes(files.reduce((sum, file) => sum + file.size, 0))) : ""}</p>
      {files.length > 0 && (
        <>
          <ul class="files">
            {files.slice(0, SHOWN_FILES).map((file) => (
              <li key={nameOf(file)}>{nameOf(file)}</li>
            ))}
            {files.length > SHOWN_FILES && <li aria-hidden="true">…</li>}
          </ul>
          {goesOn ? (
            <p>{texts.upload.goesOn}</p>
          ) : (
            <fieldset>
              <legend>{texts.upload.note}</legend>
              <p class="small">{texts.upload.noteHint}</p>
              <label>
                {texts.upload.age}
                <input name="age" type="number" inputMode="numeric" min={0} max={130} step={1} />
              </label>
              <label>
                {texts.upload.reason}
                <input name="reason" maxLength={500} autocomplete="off" />
              </label>
              <label>
                {texts.upload.history}
                <textarea name="history" rows={3} maxLength={4000} />
              </label>
            </fieldset>
          )}
          <button type="submit" class="primary wide">
            {goesOn ? texts.upload.goOn : texts.upload.send}
          </button>
        </>
      )}
    </form>
  );
}
