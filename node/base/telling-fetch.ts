/** Node's fetch, whose network errors say in words a user can act on what their codes mean. */

/** What the codes mean, and what to try. */
const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused: is the server running, and on this port?",
  ENOTFOUND: "no such host: is the name right, and is there a network?",
  EAI_AGAIN: "the name cannot be looked up now: is there a network?",
  ECONNRESET: "the server closed the connection",
  UND_ERR_SOCKET: "the server closed the connection",
  EHOSTUNREACH: "no route to the host: is there a network?",
  ENETUNREACH: "no route to the network: is there a network?",
  ETIMEDOUT: "the connection timed out",
  UND_ERR_CONNECT_TIMEOUT: "the connection timed out",
  HPE_INVALID_CONSTANT: "what answers there does not speak HTTP",
};

/** As `fetch`; the cause of an error that has a code says what that means. */
export async function tellingFetch(url: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (!(error instanceof Error) || !(cause instanceof Error)) throw error;
    const code: unknown = Reflect.get(cause, "code");
    if (typeof code !== "string") throw error;
    const told = new Error(words[code] ?? `${code}: ${cause.message}`, { cause });
    throw new TypeError(error.message, { cause: Object.assign(told, { code }) });
  }
}
