// A real OpenID Connect provider for the journeys: oidc-provider with accounts and clients that the test names.
//
//   node provider.mjs '{"port": 0, "public_url": "https://localhost:8443", …}'
//
// Prints `ready ISSUER` once it listens. A line on standard input: `rotate` replaces its keys, `logout SUB` ends a
// person's sessions and tells clients over the back channel.
import { generateKeyPair, exportJWK } from "jose";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { Provider } from "oidc-provider";

const options = JSON.parse(process.argv[2] ?? "{}");
const people = options.people ?? {};

async function keys(kid) {
  const rsa = await generateKeyPair("RS256", { extractable: true });
  const ec = await generateKeyPair("ES256", { extractable: true });
  return {
    keys: [
      { ...(await exportJWK(rsa.privateKey)), kid: `${kid}-rsa`, use: "sig", alg: "RS256" },
      { ...(await exportJWK(ec.privateKey)), kid: `${kid}-ec`, use: "sig", alg: "ES256" },
    ],
  };
}

class Account {
  constructor(id) {
    this.accountId = id;
  }
  async claims() {
    return { sub: this.accountId, ...people[this.accountId] };
  }
}

function configuration(jwks) {
  return {
    jwks,
    clients: [
      {
        client_id: "metrosoc",
        client_secret: options.secret,
        redirect_uris: [`${options.public_url}/api/v1/oidc/callback`],
        post_logout_redirect_uris: [`${options.public_url}/`],
        grant_types: ["authorization_code"],
        response_types: ["code"],
        id_token_signed_response_alg: options.id_token_alg ?? "RS256",
        backchannel_logout_uri: `${options.public_url}/api/v1/oidc/back-channel-logout`,
        backchannel_logout_session_required: true,
      },
      {
        client_id: "lgsp",
        client_secret: options.secret,
        redirect_uris: [],
        response_types: [],
        grant_types: ["client_credentials"],
      },
    ],
    claims: { openid: ["sub"], profile: ["preferred_username", "groups", "unit"] },
    // Claims of scopes lie at the userinfo endpoint unless asked otherwise, as the specification has it.
    conformIdTokenClaims: options.conform ?? true,
    // Its guard against addresses of this machine stays out: the MetroSOC that it tells of a sign-out is one.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    pkce: { required: () => true },
    findAccount: (_, id) => (people[id] ? new Account(id) : undefined),
    extraTokenClaims: (_, token) => (token.kind === "ClientCredentials" ? options.machine_claims : undefined),
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      backchannelLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        getResourceServerInfo: (_, resource) => ({
          scope: "api",
          audience: resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: options.access_secs ?? 300,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
    cookies: { keys: ["a key of the test's own"] },
    ttl: { AccessToken: 300, AuthorizationCode: 60, Grant: 3600, IdToken: 300, Interaction: 600, Session: 3600 },
  };
}

let provider;
const server = createServer((request, response) => provider.callback()(request, response));
server.listen(options.port ?? 0, "127.0.0.1");
await once(server, "listening");
const issuer = `http://localhost:${server.address().port}`;

async function start(kid) {
  provider = new Provider(issuer, configuration(await keys(kid)));
  provider.on("server_error", (_, error) => console.error(error));
}

await start("first");
console.log(`ready ${issuer}`);

for await (const line of createInterface({ input: process.stdin })) {
  const [word, sub] = line.trim().split(" ");
  if (word === "rotate") {
    await start("second");
    console.log("rotated");
  }
  if (word === "logout") {
    const client = await provider.Client.find("metrosoc");
    await client.backchannelLogout(sub, undefined);
    console.log("told");
  }
}
process.exit(0);
