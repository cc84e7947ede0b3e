/** The only way by which this page makes a script's address: a file of its own origin (Trusted Types). */

const POLICY = "mammogate";

function ownScript(address: string): string {
  const url = new URL(address, location.origin);
  if (url.origin !== location.origin) throw new TypeError(`${url.origin} is not where scripts come from`);
  return url.href;
}

interface Factory {
  createPolicy(name: string, rules: { createScriptURL: (address: string) => string }): { createScriptURL(address: string): unknown };
}

const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;
const policy = factory?.createPolicy(POLICY, { createScriptURL: ownScript });

/** Returns the address in the form that Worker and serviceWorker.register want; the DOM's types say `string`. */
export function scriptAddress(address: string): string {
  return (policy ? policy.createScriptURL(address) : ownScript(address)) as string;
}
