/** Messages to this device: whether the gateway sends them, and switching them on and off. */

import { signal } from "@preact/signals";
import { FeedError, json, post, request, type Attention } from "./feed";

export interface PushDevice {
  id: string;
  device: string;
  least_attention: Attention;
  created_at: string;
  current: boolean;
}

interface PushState {
  available: boolean;
  why_not: string | null;
  public_key: string | null;
  devices: PushDevice[];
}

/** What stands in the way, in a word; the texts say it in a sentence. */
export class PushBlocked extends Error {
  constructor(readonly because: "permission" | "service") {
    super(because);
  }
}

const PATH = "/api/v1/push";

export const canBeTold = (): boolean => "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;

export class Messages {
  readonly state = signal<PushState | null>(null);
  /** This device among those that are told, or null. */
  readonly here = signal<PushDevice | null>(null);

  async load(): Promise<void> {
    try {
      const state = await json<PushState>(PATH);
      const subscription = await current();
      const id = subscription ? await idOf(subscription) : "";
      const here = state.devices.find((device) => device.id === id) ?? null;
      // Its messages shall end with this login, not go on after it with an older one.
      if (here && subscription && !here.current && state.available) await this.tell(subscription, here.least_attention);
      else this.here.value = here;
      this.state.value = state;
    } catch (error) {
      if (!(error instanceof FeedError)) throw error; // the list itself says what is wrong
    }
  }

  async switchOn(least: Attention): Promise<void> {
    if ((await Notification.requestPermission()) !== "granted") throw new PushBlocked("permission");
    const key = this.state.value?.public_key;
    if (!key) throw new PushBlocked("service");
    const registration = await navigator.serviceWorker.ready;
    let subscription: PushSubscription;
    try {
      await (await current())?.unsubscribe(); // one that was made with another key would get nothing
      subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    } catch {
      throw new PushBlocked("service");
    }
    await this.tell(subscription, least);
  }

  async switchOff(): Promise<void> {
    const here = this.here.value;
    await (await current())?.unsubscribe();
    if (here) await request(`${PATH}/subscriptions/${here.id}`, { method: "DELETE" });
    this.here.value = null;
  }

  private async tell(subscription: PushSubscription, least: Attention): Promise<void> {
    const { endpoint, keys } = subscription.toJSON();
    const wanted = { endpoint, keys: { p256dh: keys?.["p256dh"], auth: keys?.["auth"] }, least_attention: least };
    this.here.value = await post<PushDevice>(`${PATH}/subscriptions`, wanted);
  }
}

async function current(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration();
  return (await registration?.pushManager.getSubscription()) ?? null;
}

async function idOf(subscription: PushSubscription): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(subscription.endpoint));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
