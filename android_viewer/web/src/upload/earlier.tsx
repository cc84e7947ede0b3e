import { studyAddress } from "../route";
import { bytes, moment, texts } from "../texts";
import type { UploadItem, UploadState } from "./calls";

interface Props {
  list: UploadState[] | null;
  mayRead: boolean;
  onRemove: (id: string) => void;
}

/** What became of one's uploads, and what is to be done about those that are not finished. */
export function Earlier({ list, mayRead, onRemove }: Props) {
  return (
    <section class="earlier" aria-labelledby="earlier">
      <h2 id="earlier">{texts.upload.earlier}</h2>
      {list?.length === 0 && <p class="small">{texts.upload.none}</p>}
      <ul>
        {list?.map((upload) => (
          <li key={upload.id} data-upload={upload.id} class={upload.status}>
            <p class="small">
              {moment(upload.created_at)} · {texts.upload.picked(upload.files.length, bytes(sum(upload, "size")))}
            </p>
            <div role="status">
              <What upload={upload} mayRead={mayRead} />
            </div>
            {(upload.status !== "storing" || upload.problem !== null) && (
              <button type="button" onClick={() => isSure(upload) && onRemove(upload.id)}>
                {upload.status === "done" ? texts.upload.putAway : texts.upload.cancel}
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function isSure(upload: UploadState): boolean {
  if (upload.status === "done") return true;
  return confirm(upload.status === "storing" ? texts.upload.sureToCancelStoring : texts.upload.sureToCancel);
}

function What({ upload, mayRead }: { upload: UploadState; mayRead: boolean }) {
  if (upload.status === "receiving") {
    return (
      <>
        <p class="result">{texts.upload.unfinished(bytes(sum(upload, "received")), bytes(sum(upload, "size")))}</p>
        <p>{texts.upload.pickAgain}</p>
        {upload.kept_until && <p class="small">{texts.upload.keptUntil(moment(upload.kept_until))}</p>}
      </>
    );
  }
  if (upload.status === "storing") return <p class="result">{upload.problem ?? texts.upload.storing}</p>;
  const stored = upload.items.filter((item) => item.verdict === "stored");
  const refused = upload.items.filter((item) => item.verdict === "refused");
  return (
    <>
      <p class="result">{stored.length > 0 ? texts.upload.stored(stored.length) : texts.upload.nothing}</p>
      {upload.studies.map((study) => (
        <p key={study.study_instance_uid} class="state">
          {texts.status[study.status]}{" "}
          {mayRead && (
            <a class="button text" href={studyAddress(study.study_instance_uid)}>
              {texts.upload.study}
            </a>
          )}
        </p>
      ))}
      {refused.length > 0 && <Reasons title={texts.upload.refused(refused.length)} items={refused} />}
      <Reasons title={texts.upload.remarks} items={stored.filter((item) => item.reason !== null)} />
    </>
  );
}

function Reasons({ title, items }: { title: string; items: UploadItem[] }) {
  if (items.length === 0) return null;
  return (
    <div class="warnings">
      <h3>{title}</h3>
      <ul>
        {items.map((item, index) => (
          <li key={index}>
            <strong>{item.name}</strong>: {item.reason}
          </li>
        ))}
      </ul>
    </div>
  );
}

function sum(upload: UploadState, what: "size" | "received"): number {
  return upload.files.reduce((total, file) => total + file[what], 0);
}
