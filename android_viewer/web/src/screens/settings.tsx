import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { access, knowsPasskeys, PasskeyCancelled, type About, type Device, type LoginMethods, type Passkey } from "../access";
import { accessTexts as words } from "../access_texts";
import { FeedError, type Login } from "../feed";
import { worklistAddress } from "../route";
import { logout, mayAdminister } from "../session";
import { moment, problemText, texts } from "../texts";
import "./settings.css";

/** Where somebody is logged in, their passkeys, and what this software is. */
export function SettingsScreen({ login }: { login: Login }) {
  const problem = useSignal("");
  const said = useSignal("");
  const busy = useSignal(false);
  const devices = useSignal<Device[] | null>(null);
  const others = useSignal<Device[]>([]);
  const passkeys = useSignal<Passkey[]>([]);
  const methods = useSignal<LoginMethods | null>(null);
  const about = useSignal<About | null>(null);

  async function load(): Promise<void> {
    devices.value = await access.devices();
    if (mayAdminister(login)) others.value = (await access.allDevices()).filter((device) => device.user !== login.name);
    passkeys.value = await access.passkeys();
    methods.value ??= await access.methods();
    about.value ??= await access.about();
  }

  async function doIt(work: () => Promise<unknown>, done: string): Promise<void> {
    problem.value = said.value = "";
    busy.value = true;
    try {
      await work();
      await load();
      said.value = done;
    } catch (error) {
      if (error instanceof PasskeyCancelled) problem.value = words.notAdded;
      else if (error instanceof FeedError) problem.value = problemText(error);
      else throw error;
    } finally {
      busy.value = false;
    }
  }

  useEffect(() => {
    document.title = `${words.settings} – ${texts.product}`;
    void doIt(async () => undefined, "");
  }, []);

  const revoke = (device: Device) =>
    doIt(() => (device.current ? logout() : access.revoke(device)), words.loggedOut(device.name));
  return (
    <>
      <header class="top">
        <a class="button text" href={worklistAddress}>
          {words.back}
        </a>
        <h1>{words.settings}</h1>
        <button type="button" onClick={() => void doIt(logout, "")}>
          {texts.logOut}
        </button>
      </header>
      <main class="settings">
        <p class="who">{words.you(login.name, login.role)}</p>
        <p class="problem" role="alert">
          {problem.value}
        </p>
        <p class="said" role="status">
          {said.value}
        </p>
        <section aria-labelledby="devices">
          <h2 id="devices">{words.devices}</h2>
          <p class="small">{words.devicesAbout}</p>
          {devices.value === null ? <p>{texts.loading}</p> : <Devices devices={devices.value} busy={busy.value} revoke={revoke} />}
        </section>
        {others.value.length > 0 && (
          <section aria-labelledby="everybody">
            <h2 id="everybody">{words.everybody}</h2>
            <Devices devices={others.value} busy={busy.value} revoke={revoke} />
          </section>
        )}
        {methods.value?.passkey && knowsPasskeys() && (
          <section aria-labelledby="passkeys">
            <h2 id="passkeys">{words.passkeys}</h2>
            <p class="small">{words.passkeysAbout}</p>
            {passkeys.value.length === 0 && <p>{words.noPasskeys}</p>}
            <ul>
              {passkeys.value.map((passkey) => (
                <li key={passkey.id} class="entry">
                  <span class="name">{passkey.name}</span>
                  <span class="small">{words.made(moment(passkey.created_at), passkey.last_used_at && moment(passkey.last_used_at))}</span>
                  <button
                    type="button"
                    aria-label={words.removeNamed(passkey.name)}
                    disabled={busy.value}
                    onClick={() => void doIt(() => access.removePasskey(passkey), words.removed)}
                  >
                    {words.remove}
                  </button>
                </li>
              ))}
            </ul>
            <button type="button" disabled={busy.value} onClick={() => void doIt(access.addPasskey, words.added)}>
              {busy.value ? words.adding : words.add}
            </button>
          </section>
        )}
        <section aria-labelledby="about">
          <h2 id="about">{words.about}</h2>
          {about.value && <p>{words.version(about.value.version)}</p>}
          <p class="research">{texts.research}</p>
        </section>
      </main>
    </>
  );
}

function Devices({ devices, busy, revoke }: { devices: Device[]; busy: boolean; revoke: (device: Device) => Promise<void> }) {
  return (
    <ul>
      {devices.map((device) => (
        <li key={device.id} class="entry" data-device={device.id}>
          <span class="name">
            {device.user ? `${device.user}: ${device.name}` : device.name}
            {device.current && <span class="current"> ({words.thisDevice})</span>}
          </span>
          <span class="small">
            {words.from(device.address)}, {words.since(moment(device.first_seen_at), moment(device.last_seen_at))}
          </span>
          <button
            type="button"
            aria-label={words.logOutOn(device.user ? `${device.name}, ${device.user}` : device.name)}
            disabled={busy}
            onClick={() => void revoke(device)}
          >
            {words.logOutThere}
          </button>
        </li>
      ))}
    </ul>
  );
}
