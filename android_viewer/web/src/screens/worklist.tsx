import { useEffect, useRef } from "preact/hooks";
import type { Attention, Study } from "../feed";
import { later } from "../later";
import { ReadingList } from "../reading_list";
import { boardAddress, studyAddress } from "../route";
import { logout, mayOperate, session } from "../session";
import { UploadLink } from "../upload/link";
import { useAttempt } from "./attempt";
import { SettingsLink } from "./settings_link";
import { age, day, personName, problemText, score, texts } from "../texts";
import { warmDecoder } from "../viewer/pixels";

const PushSwitch = later(async () => (await import("./push_switch")).PushSwitch, true);
const LEVELS: Attention[] = ["high", "medium", "low", "none"];
/** The list itself comes first. */
const WARM_MS = 300;

/** The list by attention, in the feed's own order. */
export function Worklist() {
  const list = useRef<ReadingList | null>(null);
  list.current ??= new ReadingList();
  const shown = list.current;
  const { problem, run } = useAttempt();
  useEffect(() => {
    document.title = `${texts.worklist.title} – ${texts.product}`;
    void shown.start();
    const timer = setTimeout(warmDecoder, WARM_MS);
    return () => {
      clearTimeout(timer);
      shown.stop();
    };
  }, [shown]);

  const now = session.value;
  const studies = shown.studies.value;
  const trouble = problem.value || (shown.problem.value ? problemText(shown.problem.value) : "");
  return (
    <>
      <header class="top">
        <div class="title">
          <h1>{texts.worklist.title}</h1>
          <span class={`connection ${shown.connection.value}`} role="status">
            {texts.connection[shown.connection.value]}
          </span>
        </div>
        <UploadLink />
        {now.state === "in" && mayOperate(now.login) && (
          <a class="button text" href={boardAddress}>
            {texts.board.title}
          </a>
        )}
        <SettingsLink />
        <button type="button" onClick={() => void run(logout)}>
          {texts.logOut}
        </button>
      </header>
      <main class="worklist">
        <p class="research">
          {texts.research}. {texts.worklist.order}.
        </p>
        <p class="problem" role="alert">
          {trouble}
        </p>
        <p class="unseen" role="status">
          {shown.updates.value > 0 ? `${texts.worklist.updated} (${shown.updates.value})` : ""}
        </p>
        {studies === null ? <p>{texts.loading}</p> : <Levels studies={studies} />}
        <PushSwitch />
        {shown.more.value && (
          <button type="button" class="wide" onClick={() => void shown.showMore()}>
            {texts.worklist.more}
          </button>
        )}
      </main>
    </>
  );
}

function Levels({ studies }: { studies: Study[] }) {
  if (studies.length === 0) return <p>{texts.worklist.empty}</p>;
  const unread = studies.filter(isNotReadInFull).length;
  const first = studies[0];
  return (
    <>
      {unread > 0 && <p class="unread">{texts.worklist.unread(unread)}</p>}
      {LEVELS.map((level) => {
        const ofLevel = studies.filter((study) => study.attention === level);
        return (
          ofLevel.length > 0 && (
            <section key={level} class={`level ${level}`} aria-labelledby={`level-${level}`}>
              <h2 id={`level-${level}`}>
                {texts.attention[level]} <span class="count">{ofLevel.length}</span>
              </h2>
              <ul>
                {ofLevel.map((study) => (
                  <li key={study.study_instance_uid}>
                    <Row study={study} first={study === first && level !== "none"} />
                  </li>
                ))}
              </ul>
            </section>
          )
        );
      })}
    </>
  );
}

function Row({ study, first }: { study: Study; first: boolean }) {
  const { patient } = study;
  const about = [age(patient.birth_date, study.study_date), patient.id && texts.patient.id(patient.id), day(study.study_date)];
  return (
    <a class={first ? "row first" : "row"} href={studyAddress(study.study_instance_uid)} data-study={study.study_instance_uid}>
      {first && <span class="read-first">{texts.readFirst}</span>}
      <span class="name">{personName(patient.name)}</span>
      {study.malignancy_score !== null && (
        <span class="score">
          <span class="unseen">{texts.results.malignancy(score(study.malignancy_score))}</span>
          <span aria-hidden="true">{score(study.malignancy_score)}</span>
        </span>
      )}
      <span class="about">{about.filter(Boolean).join(" · ")}</span>
      <span class="result">{study.label ? texts.resembles[study.label] : texts.status[study.status]}</span>
      {isNotReadInFull(study) && study.label && <span class="warning">{texts.results.unreadTitle}: {unreadCount(study)}</span>}
      {study.flags.map((flag) => (
        <span key={flag} class="warning">
          {flag}
        </span>
      ))}
    </a>
  );
}

const unreadCount = (study: Study): number => study.views.filter((view) => view.failure !== null).length;

function isNotReadInFull(study: Study): boolean {
  return study.status === "failed" || unreadCount(study) > 0;
}
