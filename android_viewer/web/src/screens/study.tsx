import { useEffect, useMemo, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { feed, FeedError, type Finding, type Study } from "../feed";
import { knownStudy } from "../known_studies";
import { worklistAddress } from "../route";
import { age, day, personName, problemText, texts, viewName } from "../texts";
import { Hanging, PLACES } from "../viewer/hanging";
import { Pane } from "../viewer/pane";
import { Tools } from "../viewer/tools";
import type { MammogramView } from "../viewer/view";
import { Notice } from "./notice";
import { Results } from "./results";

/** A study: its images, and what was read in them. */
export function StudyScreen({ uid }: { uid: string }) {
  const study = useSignal<Study | null>(knownStudy(uid));
  const changes = useRef(0);
  const problem = useSignal<string | null>(null);
  const load = (): void => {
    problem.value = null;
    feed.study(uid).then(
      (found) => {
        // The same again would begin the images anew.
        if (JSON.stringify(found) === JSON.stringify(study.value)) return;
        changes.current += 1;
        study.value = found;
      },
      (error: unknown) => {
        if (!(error instanceof FeedError)) throw error;
        problem.value = problemText(error);
      },
    );
  };
  useEffect(load, [uid]);
  if (problem.value !== null) {
    return (
      <>
        <Top title={texts.product} />
        <Notice text={problem.value} action={texts.tryAgain} onAction={load} />
      </>
    );
  }
  // Another hanging on canvases of its own: one that was given back has lost its graphics for good.
  return study.value ? <Shown key={changes.current} study={study.value} /> : <Notice text={texts.loading} />;
}

function Top({ title, children }: { title: string; children?: preact.ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <header class="top">
      <a class="button" href={worklistAddress}>
        <span aria-hidden="true">‹</span>
        <span class="unseen">{texts.study.back}</span>
      </a>
      <h1 tabIndex={-1} ref={heading}>
        {title}
      </h1>
      {children}
    </header>
  );
}

function Shown({ study }: { study: Study }) {
  const hanging = useMemo(() => new Hanging(study), [study]);
  const focused = useSignal<MammogramView | null>(null);
  const windowing = useSignal(false);
  const images = useRef<HTMLElement>(null);
  useEffect(() => () => hanging.end(), [hanging]);
  useEffect(() => {
    // No name: a title stays in the browser's history.
    document.title = `${texts.study.images} – ${texts.product}`;
  }, []);

  function open(view: MammogramView | null): void {
    windowing.value = false;
    focused.value = view;
    // Once the pane has its new size.
    requestAnimationFrame(() => images.current?.scrollIntoView({ block: "nearest" }));
  }
  function show(view: MammogramView, finding: Finding): void {
    hanging.layers.marks.value = true;
    open(view);
    // Once the pane has its new size.
    requestAnimationFrame(() => requestAnimationFrame(() => view.showPoint(finding.center)));
  }

  const pane = (view: MammogramView) => (
    <Pane
      key={view.result.sop_instance_uid}
      view={view}
      layers={hanging.layers}
      focused={focused.value === view}
      hidden={focused.value !== null && focused.value !== view}
      windowing={() => windowing.value}
      toggleWindowing={() => (windowing.value = !windowing.value)}
      onOpen={() => open(view)}
      onClose={() => open(null)}
    />
  );
  const other = hanging.others.find((view) => view === focused.value);
  const seen = focused.value ? [focused.value] : hanging.all;
  const isPreview = seen.some((view) => !view.isLossless.value);
  const { patient } = study;
  const about = [age(patient.birth_date, study.study_date), patient.id && texts.patient.id(patient.id), day(study.study_date)];
  return (
    <>
      <Top title={personName(patient.name)}>
        <span class={`attention ${study.attention}`}>{texts.attention[study.attention]}</span>
      </Top>
      <main class={focused.value ? "study one" : "study"}>
        <p class="about">{about.filter(Boolean).join(" · ")}</p>
        <section class="images" ref={images} aria-label={texts.study.images}>
          <p class="research">{texts.research}</p>
          {isPreview && <p class="lossy">{texts.lossyBanner}</p>}
          <div class={focused.value ? "grid one" : "grid"}>
            {hanging.four.map((view, index) =>
              view ? pane(view) : <p key={PLACES[index]} class="pane missing" hidden={focused.value !== null}>{texts.study.missing(PLACES[index] ?? "")}</p>,
            )}
            {other && pane(other)}
          </div>
          <Tools view={focused.value} layers={hanging.layers} windowing={windowing} onClose={() => open(null)} />
          {hanging.others.length > 0 && (
            <p class="others">
              {texts.study.others}:{" "}
              {hanging.others.map((view) => (
                <button key={view.result.sop_instance_uid} type="button" onClick={() => open(view)}>
                  {viewName(view.result)}
                </button>
              ))}
            </p>
          )}
        </section>
        <Results study={study} hanging={hanging} onShow={show} />
      </main>
    </>
  );
}
