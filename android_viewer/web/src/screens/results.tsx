import { useEffect, useMemo } from "preact/hooks";
import type { ClassName, Finding, Study, ViewResult } from "../feed";
import { StudyFeedback, WHOLE_STUDY } from "../feedback";
import { later } from "../later";
import { score, texts, viewName } from "../texts";
import type { Hanging } from "../viewer/hanging";
import type { MammogramView } from "../viewer/view";
import { Notes } from "./notes";

const FeedbackOn = later(async () => (await import("./feedback")).FeedbackOn, true);

interface Props {
  study: Study;
  hanging: Hanging;
  onShow: (view: MammogramView, finding: Finding) => void;
}

/** What was read, in words: first what asks for a look at the patient's images, then what could not be read. */
export function Results({ study, hanging, onShow }: Props) {
  const feedback = useMemo(() => new StudyFeedback(study.study_instance_uid), [study]);
  useEffect(() => void feedback.load(), [feedback]);
  const hasFindings = study.views.some((view) => view.findings.length > 0);
  const unread = study.views.filter((view) => view.failure !== null);
  return (
    <section class="results" aria-label={texts.results.title}>
      {(study.flags.length > 0 || unread.length > 0 || study.status === "failed") && (
        <div class="warnings">
          {unread.length > 0 || study.status === "failed" ? <h2>{texts.results.unreadTitle}</h2> : <h2>{texts.results.flags}</h2>}
          <ul>
            {study.status === "failed" && <li>{texts.status.failed}</li>}
            {unread.map((view) => (
              <li key={view.sop_instance_uid}>
                <strong>{viewName(view)}</strong>: {view.failure}
              </li>
            ))}
            {study.flags.map((flag) => (
              <li key={flag}>{flag}</li>
            ))}
          </ul>
        </div>
      )}
      <Notes uid={study.study_instance_uid} />
      <h2>{texts.results.title}</h2>
      <p class="verdict">
        {study.label ? texts.resembles[study.label] : texts.status[study.status]}
        {study.malignancy_score !== null && <span class="figure">{texts.results.malignancy(score(study.malignancy_score))}</span>}
      </p>
      <p class="small">{texts.results.scores}</p>
      {hanging.all.map((view) => (
        <View key={view.result.sop_instance_uid} result={view.result} feedback={feedback} onShow={(finding) => onShow(view, finding)} />
      ))}
      {study.label && !hasFindings && <FeedbackOn feedback={feedback} about={WHOLE_STUDY} name={texts.feedback.study} />}
      {study.model_version && <p class="small">{texts.results.model(study.model_version)}</p>}
    </section>
  );
}

function View({ result, feedback, onShow }: { result: ViewResult; feedback: StudyFeedback; onShow: (finding: Finding) => void }) {
  const name = viewName(result);
  return (
    <article class="view-result" aria-label={name}>
      <h3>
        {name} <span class="plain">{result.label ? texts.resembles[result.label] : texts.results.notRead}</span>
      </h3>
      {result.failure === null && result.findings.length === 0 && <p class="small">{texts.results.noFindings}</p>}
      <ul class="findings">
        {result.findings.map((finding) => (
          <li key={finding.tracking_uid}>
            <button type="button" onClick={() => onShow(finding)} aria-label={texts.results.show(texts.finding[finding.type], name)}>
              {texts.finding[finding.type]}
            </button>{" "}
            <span>{texts.results.score(score(finding.score), score(finding.malignancy_score))}</span>
            <FeedbackOn
              feedback={feedback}
              about={{ sop_instance_uid: result.sop_instance_uid, tracking_uid: finding.tracking_uid }}
              name={texts.feedback.finding(texts.finding[finding.type], name)}
            />
          </li>
        ))}
      </ul>
      {result.probabilities && <Probabilities of={result.probabilities} />}
    </article>
  );
}

function Probabilities({ of }: { of: Record<ClassName, number> }) {
  return (
    <details>
      <summary>{texts.results.probabilities}</summary>
      <dl>
        {(Object.entries(of) as [ClassName, number][]).map(([name, value]) => (
          <div key={name}>
            <dt>{texts.classes[name]}</dt>
            <dd>
              <span class="bar" style={{ width: `${Math.round(value * 100)}%` }} />
              {score(value)}
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
