import { uploadAddress } from "../route";
import { mayUpload, session } from "../session";
import { texts } from "../texts";

/** The way to the upload screen, for those who may upload. */
export function UploadLink() {
  const now = session.value;
  if (now.state !== "in" || !mayUpload(now.login)) return null;
  return (
    <a class="button text" href={uploadAddress}>
      {texts.upload.open}
    </a>
  );
}
