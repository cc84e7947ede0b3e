import { accessTexts } from "../access_texts";
import { settingsAddress } from "../route";

/** The way to the settings, for everybody who is logged in. */
export function SettingsLink() {
  return (
    <a class="button text" href={settingsAddress}>
      {accessTexts.settings}
    </a>
  );
}
