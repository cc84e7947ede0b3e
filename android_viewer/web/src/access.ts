/** Devices, passkeys and the ways to log in: the feed's interface, and WebAuthn in the browser. */

import { ask, json, post, type Login } from "./feed";

export interface LoginMethods {
  password: boolean;
  oidc: boolean;
  passkey: boolean;
}

export interface Device {
  id: string;
  name: string;
  user: string | null;
  address: string;
  first_seen_at: string;
  last_seen_at: string;
  current: boolean;
}

export interface Passkey {
  id: number;
  name: string;
  created_at: string;
  last_used_at: string | null;
}

export interface About {
  version: string;
  notice: string;
}

/** A page load, not a call: the browser goes to the provider and comes back. */
export const hospitalLoginAddress = "/api/v1/auth/oidc/start";

/** The person has cancelled, or the device has no passkey for this site: browsers do not tell which. */
export class PasskeyCancelled extends Error {}

export const access = {
  methods: () => json<LoginMethods>("/api/v1/auth/methods"),
  about: () => json<About>("/api/v1/about"),
  devices: async () => (await json<{ items: Device[] }>("/api/v1/auth/devices")).items,
  allDevices: async () => (await json<{ items: Device[] }>("/api/v1/auth/devices/all")).items,
  revoke: (device: Device) => ask(`/api/v1/auth/devices/${encodeURIComponent(device.id)}`, { method: "DELETE" }),
  passkeys: async () => (await json<{ items: Passkey[] }>("/api/v1/auth/passkeys")).items,
  removePasskey: (passkey: Passkey) => ask(`/api/v1/auth/passkeys/${passkey.id}`, { method: "DELETE" }),
  addPasskey: async (): Promise<Passkey> => {
    const options = await post<CreationJson>("/api/v1/auth/passkeys/challenge", {});
    return post<Passkey>("/api/v1/auth/passkeys", await created(options));
  },
  loginWithPasskey: async (): Promise<Login> => {
    const options = await post<RequestJson>("/api/v1/auth/passkey/challenge", {});
    return post<Login>("/api/v1/auth/passkey/login", await shown(options));
  },
};

/** Whether this browser knows passkeys at all; over plain HTTP, except on loopback, it does not. */
export const knowsPasskeys = (): boolean => "PublicKeyCredential" in globalThis && "credentials" in navigator;

/* Options and answers as JSON (WebAuthn 5.1), turned by hand: browsers before 2025 can't do it themselves. */

interface DescriptorJson {
  id: string;
  type: "public-key";
}
interface CreationJson {
  challenge: string;
  rp: PublicKeyCredentialRpEntity;
  user: { id: string; name: string; displayName: string };
  pubKeyCredParams: PublicKeyCredentialParameters[];
  timeout?: number;
  excludeCredentials?: DescriptorJson[];
  authenticatorSelection?: AuthenticatorSelectionCriteria;
  attestation?: AttestationConveyancePreference;
}
interface RequestJson {
  challenge: string;
  rpId: string;
  timeout?: number;
  userVerification?: UserVerificationRequirement;
}

async function created(options: CreationJson): Promise<object> {
  const { excludeCredentials = [], ...rest } = options;
  const publicKey: PublicKeyCredentialCreationOptions = {
    ...rest,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: excludeCredentials.map((one) => ({ type: one.type, id: bytes(one.id) })),
  };
  const made = await asked(() => navigator.credentials.create({ publicKey }));
  const response = made.response as AuthenticatorAttestationResponse;
  return {
    id: made.id,
    type: made.type,
    response: { clientDataJSON: text(response.clientDataJSON), attestationObject: text(response.attestationObject) },
  };
}

async function shown(options: RequestJson): Promise<object> {
  const publicKey: PublicKeyCredentialRequestOptions = { ...options, challenge: bytes(options.challenge) };
  const made = await asked(() => navigator.credentials.get({ publicKey }));
  const response = made.response as AuthenticatorAssertionResponse;
  return {
    id: made.id,
    type: made.type,
    response: {
      clientDataJSON: text(response.clientDataJSON),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
      userHandle: response.userHandle ? text(response.userHandle) : null,
    },
  };
}

async function asked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  try {
    const made = await ask();
    if (made) return made as PublicKeyCredential;
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    // InvalidStateError: the authenticator has one of this user's passkeys already.
    throw new PasskeyCancelled(error.name);
  }
  throw new PasskeyCancelled("none");
}

function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64url.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function text(buffer: ArrayBuffer): string {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
