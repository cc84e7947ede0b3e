import { Login } from "./screens/login";
import { Notice } from "./screens/notice";
import { StudyScreen } from "./screens/study";
import { Worklist } from "./screens/worklist";
import { route } from "./route";
import { later } from "./later";
import { askWhoIsLoggedIn, logout, mayOperate, mayReadStudies, mayUpload, session } from "./session";
import { texts } from "./texts";
import { Upload } from "./upload/lazily";

const Settings = later(async () => (await import("./screens/settings")).SettingsScreen);
const Board = later(async () => (await import("./screens/board")).BoardScreen);

/** The screen that stands for where we are, and who is logged in. */
export function App() {
  const now = session.value;
  if (now.state === "asking") return <Notice text={texts.loading} />;
  if (now.state === "away") return <Notice text={texts.problems.network} action={texts.tryAgain} onAction={askWhoIsLoggedIn} />;
  if (now.state === "out") return <Login ended={now.ended} />;
  if (route.value.screen === "settings") return <Settings login={now.login} />;
  if (mayOperate(now.login) && (route.value.screen === "board" || !mayReadStudies(now.login))) return <Board />;
  const place = route.value;
  if (mayUpload(now.login) && (place.screen === "upload" || !mayReadStudies(now.login))) return <Upload login={now.login} />;
  if (!mayReadStudies(now.login)) return <Notice text={texts.problems.noRight} action={texts.logOut} onAction={logout} />;
  return place.screen === "study" ? <StudyScreen key={place.uid} uid={place.uid} /> : <Worklist />;
}
