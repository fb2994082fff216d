// A person's browser without a window: follows redirects with cookies and fills in the provider's own forms.
//
//   node visit.mjs '{"url": "https://localhost:8443/api/v1/oidc/start", "login": "lan"}'
//
// `stop`: ends before it fetches the first address that contains this. `cookies`: the jar to begin with.
// Prints {"status", "url", "seen": [addresses], "cookies": {name: value}, "set": [set-cookie headers]}.
const { url, login, stop, cookies = {} } = JSON.parse(process.argv[2]);
const STEPS_MAX = 20;
const jar = new Map(Object.entries(cookies));
const seen = [];
const set = [];

async function ask(address, form) {
  seen.push(address);
  const headers = { accept: "text/html", "user-agent": "visit.mjs" };
  if (jar.size) headers.cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
  const init = { headers, redirect: "manual" };
  if (form) {
    init.method = "POST";
    init.body = new URLSearchParams(form);
  }
  const response = await fetch(address, init);
  for (const line of response.headers.getSetCookie()) {
    set.push(line);
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (/max-age=0|expires=thu, 01 jan 1970/i.test(line) || value === "") jar.delete(name);
    else jar.set(name, value);
  }
  return response;
}

let address = url;
let form;
let response;
for (let step = 0; step < STEPS_MAX; step += 1) {
  if (stop && address.includes(stop)) {
    seen.push(address);
    break;
  }
  response = await ask(address, form);
  form = undefined;
  const location = response.headers.get("location");
  if (location) {
    address = new URL(location, address).href;
    // The page itself is not walked: only its API and the provider are.
    if (/\/(#.*)?$/.test(address)) {
      seen.push(address);
      break;
    }
    continue;
  }
  const text = await response.text();
  const action = /<form[^>]*action="([^"]+)"/.exec(text)?.[1];
  const prompt = /name="prompt" value="([^"]+)"/.exec(text)?.[1];
  if (!action || !prompt || !login) break;
  address = new URL(action, address).href;
  form = prompt === "login" ? { prompt, login, password: "any" } : { prompt };
}
console.log(
  JSON.stringify({ status: response?.status, url: address, seen, cookies: Object.fromEntries(jar), set }),
);
