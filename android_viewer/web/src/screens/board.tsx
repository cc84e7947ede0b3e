import { useEffect, useRef } from "preact/hooks";
import { useSignal, type Signal } from "@preact/signals";
import "./board.css";
import { Board, type DeadLetter, type DestinationState, type List, type Shown } from "../board";
import { FeedError } from "../feed";
import { worklistAddress } from "../route";
import { logout, mayReadStudies, session } from "../session";
import { moment, problemText, texts } from "../texts";
import { SettingsLink } from "./settings_link";

const words = texts.board;

/** What waits, runs and failed, and how the destinations do. Studies by their UID: operators see no patients. */
export function BoardScreen() {
  const board = useRef<Board | null>(null);
  board.current ??= new Board();
  const shown = board.current;
  const said = useSignal("");
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${words.title} – ${texts.product}`;
    heading.current?.focus();
    shown.start();
    return () => shown.stop();
  }, [shown]);

  /** Does what somebody has asked for, and says what came of it. */
  async function act(work: () => Promise<string>): Promise<void> {
    said.value = "";
    try {
      said.value = await work();
    } catch (error) {
      if (!(error instanceof FeedError)) throw error;
      said.value = problemText(error);
    }
  }

  const now = session.value;
  const problem = shown.problem.value;
  return (
    <>
      <header class="top">
        <h1 tabIndex={-1} ref={heading}>
          {words.title}
        </h1>
        <span class={`connection ${problem ? "broken" : "live"}`} role="status">
          {problem ? texts.connection.broken : texts.connection.live}
        </span>
        {now.state === "in" && mayReadStudies(now.login) && (
          <a class="button text" href={worklistAddress}>
            {texts.worklist.title}
          </a>
        )}
        <SettingsLink />
        <button type="button" onClick={() => void act(async () => (await logout(), ""))}>
          {texts.logOut}
        </button>
      </header>
      <main class="board">
        <p class="research">
          {texts.research}. {words.noPatients}
        </p>
        <p class="said" role="status">
          {problem ? problemText(problem) : said.value}
        </p>
        {shown.shown.value ? <Lists shown={shown.shown.value} board={shown} act={act} /> : <p>{texts.loading}</p>}
      </main>
    </>
  );
}

interface Acting {
  board: Board;
  act: (work: () => Promise<string>) => Promise<void>;
}

function Lists({ shown, board, act }: { shown: Shown } & Acting) {
  return (
    <div class="lists">
      <Part name="failed" title={words.failed} list={shown.deadLetters} none={words.nothingFailed} heads={words.failedHeads}>
        {(letter: DeadLetter) => (
          <tr key={`${letter.study_instance_uid} ${letter.stage} ${letter.destination}`}>
            <td class="uid">{letter.study_instance_uid}</td>
            <td>{words.stage(letter.stage, letter.destination)}</td>
            <td>{letter.reason}</td>
            <td>{moment(letter.failed_at)}</td>
            <td>
              <button
                type="button"
                aria-label={words.retryStudy(letter.study_instance_uid)}
                onClick={() => void act(async () => words.retried(await board.retry(letter.study_instance_uid)))}
              >
                {words.retry}
              </button>
            </td>
          </tr>
        )}
      </Part>
      <Part name="queue" title={words.queue} list={shown.queue} none={words.nothingWaits} heads={words.queueHeads}>
        {(work) => (
          <tr key={work.study_instance_uid}>
            <td class="uid">{work.study_instance_uid}</td>
            <td>
              <span class={`state ${work.state}`}>{words.states[work.state]}</span>
            </td>
            <td>{work.instances}</td>
            <td>{moment(work.since)}</td>
          </tr>
        )}
      </Part>
      <section aria-labelledby="board-destinations">
        <h2 id="board-destinations">
          {words.destinations} <span class="count">{shown.destinations.total}</span>
        </h2>
        {shown.destinations.items.length === 0 && <p>{words.noDestinations}</p>}
        <ul class="destinations">
          {shown.destinations.items.map((item) => (
            <li key={item.name}>
              <Destination item={item} board={board} act={act} />
            </li>
          ))}
        </ul>
        {shown.destinations.items.length > 0 && <Resend names={shown.destinations.items.map((item) => item.name)} board={board} act={act} />}
      </section>
      <Part name="quarantine" title={words.quarantine} list={shown.quarantine} none={words.noQuarantine} heads={words.quarantineHeads}>
        {(file) => (
          <tr key={file.id}>
            <td>{file.reason}</td>
            <td>{words.sender(file.channel, file.peer_ae_title, file.peer_address)}</td>
            <td class="uid">{file.announced_sop_instance_uid ?? ""}</td>
            <td>{moment(file.received_at)}</td>
          </tr>
        )}
      </Part>
      <Part name="flags" title={words.flags} list={shown.flags} none={words.noFlags} heads={words.flagHeads}>
        {(study) => (
          <tr key={study.study_instance_uid}>
            <td class="uid">{study.study_instance_uid}</td>
            <td>
              <ul>
                {study.flags.map((flag) => (
                  <li key={flag}>{flag}</li>
                ))}
              </ul>
            </td>
            <td>{moment(study.flagged_at)}</td>
          </tr>
        )}
      </Part>
    </div>
  );
}

interface PartProps<Item> {
  name: string;
  title: string;
  list: List<Item>;
  none: string;
  heads: readonly string[];
  children: (item: Item) => preact.ComponentChild;
}

function Part<Item>({ name, title, list, none, heads, children }: PartProps<Item>) {
  return (
    <section class={list.total > 0 ? `part ${name} some` : `part ${name}`} aria-labelledby={`board-${name}`}>
      <h2 id={`board-${name}`}>
        {title} <span class="count">{list.total}</span>
      </h2>
      {list.items.length === 0 ? (
        <p>{none}</p>
      ) : (
        <table aria-labelledby={`board-${name}`}>
          <thead>
            <tr>
              {heads.map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{list.items.map(children)}</tbody>
        </table>
      )}
      {list.items.length < list.total && <p class="small">{words.more(list.total - list.items.length)}</p>}
    </section>
  );
}

function Destination({ item, board, act }: { item: DestinationState } & Acting) {
  const health: Signal<{ ok: boolean; detail: string } | null> = useSignal(null);
  const busy = useSignal(false);

  async function check(): Promise<string> {
    busy.value = true;
    try {
      health.value = await board.check(item.name);
      return words.checked(item.name, health.value.ok, health.value.detail);
    } finally {
      busy.value = false;
    }
  }

  const trouble = item.failed > 0 || (item.waiting > 0 && item.last_error !== null);
  return (
    <article class={trouble ? "destination trouble" : "destination"} aria-label={item.name}>
      <h3>
        {item.name} <span class="plain">{`${words.kinds[item.kind]} · ${item.address}`}</span>
      </h3>
      <p>{words.counts(item.delivered, item.waiting, item.failed)}</p>
      <p class="small">{words.lastSuccess(item.last_success_at ? moment(item.last_success_at) : null)}</p>
      {item.last_error && <p class="error">{words.lastError(item.last_error)}</p>}
      <button type="button" disabled={busy.value} aria-label={words.checkName(item.name)} onClick={() => void act(check)}>
        {busy.value ? words.checking : words.check}
      </button>
      {health.value && <p class={health.value.ok ? "well" : "error"}>{health.value.ok ? words.answers : health.value.detail}</p>}
    </article>
  );
}

function Resend({ names, board, act }: { names: string[] } & Acting) {
  async function send(event: Event): Promise<void> {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const typed = new FormData(form);
    const destination = String(typed.get("destination"));
    await act(async () => {
      const objects = await board.resend(String(typed.get("study")).trim(), destination);
      form.reset();
      return words.resent(objects, destination);
    });
  }

  return (
    <form class="resend" aria-label={words.resendTitle} onSubmit={(event) => void send(event)}>
      <h3>{words.resendTitle}</h3>
      <label>
        {words.studyUid}
        <input name="study" required pattern="\s*[0-9.]{1,64}\s*" autocomplete="off" spellcheck={false} />
      </label>
      <label>
        {words.destination}
        <select name="destination">
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <button type="submit">{words.resend}</button>
    </form>
  );
}
