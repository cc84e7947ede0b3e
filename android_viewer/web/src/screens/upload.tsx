import { useEffect, useRef } from "preact/hooks";
import { effect, signal, useSignal } from "@preact/signals";
import { BY_ITSELF, FeedError, type Login } from "../feed";
import { worklistAddress } from "../route";
import { logout, mayReadStudies } from "../session";
import { bytes, problemText, texts } from "../texts";
import { uploads, type Note, type UploadState } from "../upload/calls";
import { Earlier } from "../upload/earlier";
import { NewUpload } from "../upload/new_upload";
import { SettingsLink } from "./settings_link";
import { Sending, unfinishedFor } from "../upload/sending";
import { sharedFiles } from "../upload/shared_files";
import "../upload/upload.css";

/** What is being sent; it goes on while other screens are looked at. */
const current = signal<Sending | null>(null);
const LOOK_MS = 2_000;

addEventListener("beforeunload", (event) => {
  if (current.value && !current.value.isOver) event.preventDefault();
});

/** Uploads: a new one, the one that is being sent, and what became of earlier ones. */
export function UploadScreen({ login }: { login: Login }) {
  const mine = useSignal<UploadState[] | null>(null);
  const problem = useSignal("");
  const picked = useSignal<File[]>([]);
  const heading = useRef<HTMLHeadingElement>(null);

  async function look(options: RequestInit = {}): Promise<void> {
    try {
      mine.value = await uploads.mine(options);
      problem.value = "";
    } catch (error) {
      if (!(error instanceof FeedError)) throw error;
      // While files are being sent, that says so too.
      problem.value = current.value && !current.value.isOver ? "" : problemText(error);
    }
  }
  useEffect(() => {
    document.title = `${texts.upload.title} – ${texts.product}`;
    heading.current?.focus();
    void look();
    // The session had ended, and somebody has logged in again: what another one was sending is not theirs to send.
    if (current.value && current.value.owner !== login.name) {
      current.value.pause();
      current.value = null;
    }
    if (current.value?.phase.value === "paused" && current.value.problem.value) void current.value.run();
    const timer = setInterval(() => {
      if (isUnsettled(mine.value)) void look(BY_ITSELF);
    }, LOOK_MS);
    const end = effect(() => {
      if (sharedFiles.value.length > 0) {
        picked.value = sharedFiles.value;
        sharedFiles.value = [];
      }
    });
    const endOfSending = effect(() => {
      if (current.value?.isOver) void look();
    });
    return () => {
      clearInterval(timer);
      end();
      endOfSending();
    };
  }, []);

  const goesOn = unfinishedFor(picked.value, mine.value ?? []);
  function send(note: Note | null): void {
    const sending = new Sending(login.name, [...picked.value], note, goesOn);
    picked.value = [];
    current.value = sending;
    void sending.run();
  }
  async function remove(id: string): Promise<void> {
    try {
      await uploads.remove(id);
    } catch (error) {
      if (!(error instanceof FeedError)) throw error;
      problem.value = problemText(error);
    }
    await look();
  }
  async function cancel(sending: Sending): Promise<void> {
    if (!confirm(texts.upload.sureToCancel)) return;
    sending.pause();
    current.value = null;
    await remove(sending.id);
  }

  const sending = current.value;
  const onItsWay = sending && !sending.isOver;
  return (
    <>
      <header class="top">
        {mayReadStudies(login) && (
          <a class="button" href={worklistAddress}>
            <span aria-hidden="true">‹</span>
            <span class="unseen">{texts.study.back}</span>
          </a>
        )}
        <h1 tabIndex={-1} ref={heading}>
          {texts.upload.title}
        </h1>
        {!mayReadStudies(login) && (
          <>
            <SettingsLink />
            <button type="button" onClick={() => void logout()}>
              {texts.logOut}
            </button>
          </>
        )}
      </header>
      <main class="upload">
        <p class="research">{texts.research}</p>
        <p class="problem" role="alert">
          {crypto.subtle ? problem.value : texts.upload.insecure}
        </p>
        {sending && sending.phase.value !== "done" && <OnItsWay sending={sending} onCancel={() => void cancel(sending)} />}
        {!onItsWay && <NewUpload picked={picked} goesOn={goesOn !== undefined} onSend={send} />}
        <Earlier
          list={mine.value?.filter((upload) => upload.id !== (onItsWay ? sending.id : "")) ?? null}
          mayRead={mayReadStudies(login)}
          onRemove={(id) => void remove(id)}
        />
      </main>
    </>
  );
}

/** Whether something of it changes by itself. */
function isUnsettled(list: UploadState[] | null): boolean {
  const settled = (upload: UploadState): boolean =>
    upload.status === "receiving" || (upload.status === "done" && upload.studies.every(({ status }) => status === "reported" || status === "failed"));
  return list === null || !list.every(settled);
}

function OnItsWay({ sending, onCancel }: { sending: Sending; onCancel: () => void }) {
  const phase = sending.phase.value;
  const percent = sending.total > 0 ? Math.floor((100 * sending.sent.value) / sending.total) : 100;
  const isWaiting = phase === "paused" || phase === "stopped";
  return (
    <section class="on-its-way" aria-labelledby="phase">
      <h2 id="phase">
        <span role="status">{texts.upload.phase[phase]}</span>
      </h2>
      <p class="problem" role="alert">
        {sending.problem.value}
      </p>
      <progress max={100} value={percent} aria-label={texts.upload.progress} />
      <p>
        {texts.upload.percent(percent)} · {texts.upload.ofBytes(bytes(sending.sent.value), bytes(sending.total))}
      </p>
      {!isWaiting && <p class="small">{texts.upload.keepOpen}</p>}
      <p class="buttons">
        {isWaiting ? (
          <button type="button" class="primary" onClick={() => void sending.run()}>
            {texts.upload.resume}
          </button>
        ) : (
          phase !== "finishing" && (
            <button type="button" onClick={() => sending.pause()}>
              {texts.upload.pause}
            </button>
          )
        )}
        {phase !== "finishing" && (
          <button type="button" onClick={onCancel}>
            {texts.upload.cancel}
          </button>
        )}
      </p>
    </section>
  );
}
